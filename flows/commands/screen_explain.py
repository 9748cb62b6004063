"""Show explanations to people: the story of one slot, what changed, how sources fare."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.markup import escape

from flows.commands.console import Console
from flows.commands.screen import show_rows

MAX_CHANGES = 6
MAX_RUNS = 12
_MARKS = {"used": "green", "contradicted": "red", "held_back": "yellow", "retracted": "yellow"}


def show_explanation(found: Mapping[str, Any]) -> None:
    """Print the story of a slot."""
    console = Console()
    print_line = _wide(console)
    print_line(f"[bold]{escape(found['subject'])}[/], {escape(found['relation'])}")
    print_line(_answer(found))
    for claim in found["claims"]:
        mark = _MARKS.get(claim["status"], "dim")
        print_line(f"  [{mark}]{claim['status']:13}[/] [bold]{escape(claim['value'])}[/]")
        print_line(f"                {escape(_says(claim))}")
        if claim["reason"]:
            print_line(f"                {escape(claim['reason'])}")
    if runs := found["timeline"]:
        print_line("what held when:")
        for run in runs[-MAX_RUNS:]:
            print_line(f"  {_span(run):27} {escape(run['value'])}")
    if changes := found["changes"]:
        print_line("what would settle it:" if found["conflict"] else "what would change it:")
        for change in changes[:MAX_CHANGES]:
            print_line(f"  {escape(change['text'])}")
        if len(changes) > MAX_CHANGES:
            print_line(f"  and {len(changes) - MAX_CHANGES} more ways; --json lists them")
    _show_refused(found, print_line)


def show_comparison(
    names: Mapping[str, str], counts: Mapping[str, int], tables: Mapping[str, Sequence[Any]]
) -> None:
    """Print what changed between two snapshots: counts, then a table for each kind."""
    console = Console()
    console.print(
        f"{names['old']} ({counts['old_facts']} facts, {counts['old_claims']} claims) -> "
        f"{names['new']} ({counts['new_facts']} facts, {counts['new_claims']} claims)",
        soft_wrap=True,
    )
    kinds = ("added", "changed", "retired")
    console.print(
        f"facts: {', '.join(f'{counts[kind]} {kind}' for kind in kinds)}; "
        f"{counts['claims_of_other_status']} claims of another status; "
        f"sources: {counts['sources_new']} new, {counts['sources_gone']} gone",
        soft_wrap=True,
    )
    if tables["facts"]:
        rows = [{**fact, "why": _why(fact)} for fact in tables["facts"]]
        columns = ("op", "subject", "relation", "old_answer", "new_answer", "why")
        show_rows(rows, columns, "facts")
    if tables["claims"]:
        columns = ("subject", "relation", "value", "source", "old_status", "new_status")
        show_rows(tables["claims"], columns, "claims")
    if tables["sources"]:
        show_rows(tables["sources"], ("op", "source", "num_claims"), "sources")
    shown = len(tables["facts"])
    num_all = sum(counts[kind] for kind in kinds)
    if shown < num_all:
        console.print(f"{shown} of {num_all} facts; --limit, --json, --parquet FILE")


def show_sources(rows: Sequence[Mapping[str, Any]], num_all: int) -> None:
    """Print sources in order."""
    told = [
        {
            "#": row["position"],
            "source": row["source"],
            "right": _share(row["accuracy"]),
            "used": _share(row["used_share"]),
            "claims": row["num_claims"],
            "lost": row["num_contradicted"],
            "held": row["num_held_back"],
            "weight": row["authority"],
            "copies": row["copies_with"],
        }
        for row in rows
    ]
    # What is learned by truth discovery alone takes no room where no rule asks for it.
    columns = [n for n in told[0] if any(row[n] for row in told)] if told else []
    show_rows(told, columns)
    Console().print(f"{len(rows)} of {num_all} sources; --limit, --relation, --json")


def _wide(console: Console) -> Any:
    return lambda text: console.print(text, soft_wrap=True, highlight=False)


def _answer(found: Mapping[str, Any]) -> str:
    if (fact := found["fact"]) is not None:
        sure = "" if fact["probability"] is None else f", probability {fact['probability']:.3f}"
        review = " [yellow](needs review)[/]" if fact["needs_review"] else ""
        answer = f"[bold]{escape(fact['answer'])}[/]{sure}{review}"
        return f"the answer is {answer}  (fact {fact['fact_id']})"
    if (conflict := found["conflict"]) is not None:
        values = " or ".join(f'"{value}"' for value in conflict["values"])
        return f"[yellow]no answer:[/] a tie of {escape(values)}, {escape(conflict['explanation'])}"
    if found["held_back"] is not None:
        return f"[yellow]no answer:[/] held back, {escape(found['held_back'])}"
    if not found["claims"]:
        return "[yellow]no answer:[/] no claim about it was taken in"
    return "[yellow]no answer:[/] no claim about it is in use"


def _says(claim: Mapping[str, Any]) -> str:
    seen = claim["observed_at"] or "no date"
    told = f"{claim['source']}: {claim['file']} row {claim['row']}, observed {seen}"
    told += f", authority {claim['authority']:g}"
    if claim["accuracy"] is not None:
        told += f", right in {claim['accuracy']:.0%}"
    if claim["copy_group"] is not None:
        told += f", copies with {claim['copy_group']}"
    return told


def _span(run: Mapping[str, Any]) -> str:
    start = "always" if str(run["held_from"]) == "0001-01-01" else f"from {run['held_from']}"
    return start if run["held_to"] is None else f"{start} to {run['held_to']}"


def _show_refused(found: Mapping[str, Any], print_line: Any) -> None:
    if not found["refused"]:
        return
    print_line(f"rows that name {escape(found['subject'])} and were refused:")
    for row in found["refused"]:
        print_line(f"  [yellow]{escape(row['reason'])}[/] {escape(row['explanation'] or '')}")
        print_line(
            f"                {escape(row['source'])}: {escape(row['file'])} row {row['row']}"
        )


def _why(fact: Mapping[str, Any]) -> str:
    now = f"{fact['new_source']}: {fact['new_reason']}" if fact["new_source"] else None
    before = f"{fact['old_source']}: {fact['old_claim_now']}" if fact["old_source"] else None
    if fact["op"] == "retired":
        return str(before or "")
    if fact["op"] == "changed" and fact["old_answer"] != fact["new_answer"]:
        return "; ".join(part for part in (now, f"before, {before}" if before else None) if part)
    return str(now or "")


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"
