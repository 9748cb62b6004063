"""Show results to people: plain Rich tables, nothing that --json does not give too."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from flows.commands.console import Console
from flows.home.current_run import KILLED, RUNNING, RunState
from flows.reporting.status import MeasuredRun, Status
from flows.serving.asking import Asked, SourceRow
from flows.serving.conversation import Turn

_MARKS = {"ok": "[green]ok[/]", "warn": "[yellow]warn[/]", "fail": "[red]FAIL[/]"}


def show_rows(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], title: str = "") -> None:
    """Print the named columns of plain rows."""
    table = Table(title=escape(title) or None, title_justify="left")
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(_cell(row.get(column)) for column in columns))
    Console().print(table)


def show_mapping(values: Mapping[str, Any], title: str = "") -> None:
    """Print names and values; a list of rows becomes a table of its own, a mapping a part."""
    plain = {k: v for k, v in values.items() if not _is_rows(v) and not isinstance(v, dict)}
    if plain:
        show_rows([{"what": k, "value": v} for k, v in plain.items()], ("what", "value"), title)
    for name, value in values.items():
        if isinstance(value, dict) and value:
            show_mapping(value, f"{title} {name}".strip())
        elif _is_rows(value):
            show_rows(value, list(value[0]), f"{title} {name}".strip())


def show_answers(answers: Iterable[Asked]) -> None:
    """Print answers with where they come from."""
    console = Console()
    for asked in answers:
        console.print(f"[dim]Q[/] {escape(asked.prompt)}")
        console.print(f"[dim]A[/] [bold]{escape(asked.answer)}[/]")
        console.print(f"  {_origin(asked)}")
        if said := _table_says(asked):
            console.print(f"  {said}")
        for fact in asked.facts:
            known = f"{fact.subject}, {fact.relation}, {fact.answer}"
            console.print(f"  fact {fact.fact_id}: {escape(known)}")
        for fact_id in asked.gone:
            console.print(f"  fact {fact_id}: no longer in the table")
        for row in asked.rows:
            console.print(f"  source {escape(_source(row))}")


def show_turn(turn: Turn) -> None:
    """Print what was said: values with the number of their fact, doubtful sentences with a mark."""
    console = Console()
    shown = ""
    for piece in turn.pieces:
        text = escape(piece.text)
        if piece.source:
            shown += f"[bold green]{text}[/][dim]\\[{piece.source}][/]"
        else:
            shown += text if piece.is_supported else f"[yellow]{text}[/][dim](?)[/]"
    console.print(shown)
    for number, fact in enumerate(turn.facts, 1):
        mark = number if fact.is_said else "in the prompt"
        known = f"{fact.subject}, {fact.relation}, {fact.answer}"
        console.print(f"  [dim]{mark}[/] fact {fact.fact_id}: {escape(known)}")
        for row in fact.rows:
            console.print(f"    source {escape(_source(row))}")


def _source(row: SourceRow) -> str:
    return f"{row.file} row {row.row} ({row.source}): {row.value}"


def show_checks(checks: Iterable[Mapping[str, Any]]) -> None:
    """Print what doctor found, and what to do where it is not well."""
    console = Console()
    for check in checks:
        console.print(f"{_MARKS[check['status']]:>18} {check['name']}: {escape(check['found'])}")
        if check["status"] != "ok" and check["advice"]:
            console.print(f"       {escape(check['advice'])}")


def show_facts(facts: Sequence[Mapping[str, Any]], num_all: int) -> None:
    """Print resolved facts, each with the claim that won."""
    rows = [
        {
            **fact,
            "won by": f"{fact['won_source']} row {fact['won_row']}",
            "for": fact["num_support"],
            "against": fact["num_contradict"],
        }
        for fact in facts
    ]
    show_rows(rows, ("subject", "relation", "answer", "won by", "for", "against"))
    Console().print(f"{len(rows)} of {num_all} facts; --limit, --relation, --json, --parquet FILE")


def show_recall(found: MeasuredRun) -> None:
    """Print recall beside its cause: agreement of the router, recall under the oracle router."""
    console = Console()
    measured = found.measured
    console.print(f"run {found.run_key}, {measured.num_questions} questions")
    shown = [cell for cell in measured.summary if cell.template == "*" or cell.exact < 1]
    rows = [
        {
            "kind": cell.kind.replace("_", "-"),
            "template": "all" if cell.template == "*" else cell.template,
            "asked": cell.num_questions,
            "exact": f"{cell.exact:.1%}",
            "agreement": f"{cell.agreement:.1%}",
            "oracle_exact": f"{cell.oracle_exact:.1%}",
            "from_memory": f"{cell.from_memory:.1%}",
        }
        for cell in shown
    ]
    columns = ("kind", "template", "asked", "exact", "agreement", "oracle_exact", "from_memory")
    show_rows(rows, columns)
    if num_exact := len(measured.summary) - len(shown):
        console.print(f"{num_exact} templates, each exact in all that was asked, are not listed")
    for prompt in measured.captured_foreign:
        console.print(f"foreign, yet answered from memory: {escape(prompt)}")
    console.print(f"every question: {escape(measured.path)}", soft_wrap=True)


def show_status(found: Status) -> None:
    """Print where a home stands, a line for each thing."""
    lines = [("home", found.home), ("snapshot", "nothing is published yet")]
    if published := found.snapshot:
        said = published.manifest
        name = f"{published.snapshot_hash[:16]} as of {published.as_of}"
        facts = f"{said['num_facts']} facts in {said['num_slots']} slots"
        counts = ", ".join(f"{n} {status}" for status, n in said["counts"].items() if n)
        lines[1:] = [
            ("snapshot", f"{name}: {facts}, {said['num_ties']} tie{'s' * (said['num_ties'] != 1)}"),
            ("rows", f"{said['num_input_rows']}: {counts}"),
        ]
    checkpoint = found.checkpoint
    lines.append(("checkpoint", checkpoint.path if checkpoint else "none promoted yet"))
    if found.pending:
        lines.append(("pending", found.pending.shown))
    if found.capacity_alarm:
        lines.append(("capacity", found.capacity_alarm))
    if found.run:
        lines.append(("newest run", _run_line(found.run)))
    for run in found.runs:
        lines.append(("run", f"{run.run_key} ({run.last_written}): {', '.join(run.steps)}"))
    for server in found.servers:
        answer = "answers" if server.answers else "no answer"
        lines.append((server.name, f"{server.page} ({answer}, process {server.pid})"))
    lines += [("broken", why) for why in found.broken]
    table = Table.grid(padding=(0, 2))
    for name, text in lines:
        table.add_row(f"[bold]{name}[/]", escape(text))
    Console().print(table)


def _run_line(run: RunState) -> str:
    record = run.record
    at = f" at {record.step}" if record.step else ""
    said = f"{run.state}{at}, process {record.pid}, started {record.started_at}"
    if run.state in (RUNNING, KILLED):
        advice = f"; {run.advice}" if run.advice else ""
        return f"{said}; left: {', '.join(run.left)}{advice}"
    return said + (f": {record.why}" if record.why else "")


def _origin(asked: Asked) -> str:
    if not asked.from_memory:
        told = asked.reason and asked.reason != asked.answer
        return "[yellow]not from memory[/]" + (f": {escape(asked.reason)}" if told else "")
    experts = asked.experts
    span = f"{experts[0]}..{experts[-1]}" if experts else "none"
    return (
        f"[green]from memory[/]: group {asked.group}, {len(experts)} experts {span}, "
        f"score {asked.score:.3f}, margin {asked.margin:.3f}"
    )


def _table_says(asked: Asked) -> str:
    if asked.table_answer is None:
        return ""
    if asked.table_agrees:
        return "the table says the same"
    table = escape(asked.table_answer)
    if not asked.is_mismatch:
        return f"the table says {table}"
    return f"[red]memory says {escape(asked.said)}, the table says {table}[/]"


def _is_rows(value: object) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return escape("; ".join(str(item) for item in value))
    return "" if value is None else escape(str(value))
