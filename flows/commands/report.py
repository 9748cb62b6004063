"""The short table at the end of a run: facts, experts, recall with its cause, time per stage."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.markup import escape
from rich.table import Table

from flows.commands.console import Console
from flows.home.champion import RolledBack
from flows.home.receipts import Cell, Proof, Trained, Updated
from flows.planning.estimate import Estimate
from flows.planning.forecast import Forecast
from flows.planning.survey import ChangedFact
from flows.reporting.run_result import RunResult


def show_run(result: RunResult, seconds: float) -> None:
    """Print what a run did, or that there was nothing to do."""
    console = Console()
    if not result.is_new:
        why = escape("; ".join(result.reasons))
        console.print(f"[bold green]Nothing to do[/]: {why} ({seconds:.0f} s to find out).")
    table = Table(title=f"Run {result.run_key}", title_justify="left", show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in _lines(result, seconds):
        table.add_row(name, escape(value))
    console.print(table)
    show_changes(result.changes or ())
    if captured := result.measured.captured_foreign:
        console.print("foreign questions answered from memory:")
        for prompt in captured:
            console.print(f"  {escape(prompt)}")


def _lines(result: RunResult, seconds: float) -> Iterator[tuple[str, str]]:
    decided = result.reconciled
    counts = decided.counts
    yield (
        "facts",
        f"{decided.num_facts} in {decided.num_slots} slots from "
        f"{decided.num_input_rows} rows, as of {decided.as_of}",
    )
    yield (
        "decided",
        f"{decided.conflicts_resolved} conflicts resolved, {decided.ties} "
        f"{'tie' if decided.ties == 1 else 'ties'}, "
        f"{counts['outdated']} outdated, {counts['quarantined']} quarantined, "
        f"{counts['held_back']} held back, {counts['duplicate']} duplicate",
    )
    yield "mode", f"{result.decision}: {'; '.join(result.reasons)}"
    written = result.written
    yield "experts", f"{written.num_experts} written in {written.num_groups} groups"
    if result.receipts.updated is not None:
        yield from _updated(result.receipts.updated, result.measured.proof)
    elif result.receipts.trained is not None:
        yield from _tuned(result.receipts.trained)
    yield from _recalled(result.measured.summary)
    if result.is_new:
        work = _work(result)
        yield "time", ", ".join(f"{name} {value:.0f} s" for name, value in work.items())
        yield "in all", _in_all(seconds, sum(work.values()))


def _tuned(trained: Trained) -> Iterator[tuple[str, str]]:
    losses = trained.loss_by_step
    fell = f", loss {losses[0]:.2g} to {losses[-1]:.2g}" if losses else ""
    yield (
        "memory tuning",
        f"{trained.num_steps} steps{fell}, {trained.num_undecided} facts undecided",
    )


def _updated(updated: Updated, proof: Proof) -> Iterator[tuple[str, str]]:
    yield (
        "updated",
        f"{updated.num_added} facts added, {updated.num_changed} changed, "
        f"{updated.num_retired} retired, {updated.num_affected} affected; "
        f"{updated.num_groups_touched} groups retrained or emptied",
    )
    yield (
        "all else",
        f"{_of(proof, 'experts')} other experts and {_of(proof, 'keys')} keys byte-identical, "
        f"{_of(proof, 'prompts')} prompts that read none of the touched give identical logits, "
        f"{_of(proof, 'answers')} answers asked again are as before",
    )


def _of(proof: Proof, name: str) -> str:
    """Say how many of all are as they were."""
    number: int = getattr(proof, f"num_{name}")
    return f"{number - len(getattr(proof, f'differing_{name}') or ())} of {number}"


def _recalled(cells: Sequence[Cell]) -> Iterator[tuple[str, str]]:
    facts = ("training", "heldout", "changed", "affected", "untouched", "phrasing", "surface")
    for cell in cells:
        if cell.template == "*" and cell.kind in facts:
            yield f"recall, {cell.kind}", _recall(cell)
    for cell in cells:
        if cell.template != "*" and cell.kind == "heldout":
            yield f"  {cell.template[:60]}", _recall(cell)
    for cell in cells:
        if cell.template == "*" and cell.kind not in facts:
            taken = f"{cell.from_memory:.1%} of {cell.num_questions} answered from memory"
            yield cell.kind.replace("_", "-"), taken


def _in_all(seconds: float, worked: float) -> str:
    """Tell how long a run took; what a killed run did before it is part of the work."""
    if worked > seconds:
        return f"{seconds:.0f} s; what an earlier start had done was taken over"
    return f"{seconds:.0f} s, {seconds - worked:.0f} s of it Prefect, Ray and MLflow"


def _work(result: RunResult) -> dict[str, float]:
    prepared = {"ingest to assign": result.prepared_seconds}
    if (updated := result.receipts.updated) is not None:
        verified = result.measured.verify_seconds or 0.0
        return prepared | {"update": updated.update_seconds, "verification": verified}
    trained = result.receipts.trained or Trained()
    due = trained.learn_due_keys_seconds
    return {
        **prepared,
        "router pretraining": trained.pretrain_router_seconds,
        "memory tuning": trained.tune_memory_seconds,
        "checkpoint": trained.write_checkpoint_seconds,
        **({"due keys": due} if due else {}),
        "recall": trained.measure_recall_seconds,
    }


def _recall(cell: Cell) -> str:
    return (
        f"{cell.exact:.1%} exact of {cell.num_questions} "
        f"(router agrees {cell.agreement:.1%}, oracle router {cell.oracle_exact:.1%})"
    )


def show_forecast(found: Forecast) -> None:
    """Print what a run would do, and about which facts."""
    console = Console()
    console.print(f"[bold]{found.decision}[/]: {escape('; '.join(found.reasons))}")
    table = Table(show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    changed = f"{found.num_added} added, {found.num_changed} changed"
    table.add_row("pending", f"{changed}, {found.num_retired} retired")
    experts = found.num_experts_touched
    touched = "all" if experts is None else f"{experts} in {found.num_groups_touched} groups"
    table.add_row("experts touched", touched)
    affected = [f"{fact.subject} {fact.relation}" for fact in found.affected]
    table.add_row("affected facts", escape(", ".join(affected)) or "none")
    if found.capacity_alarm:
        table.add_row("capacity", escape(found.capacity_alarm))
    if found.collisions:
        table.add_row("collisions", escape("; ".join(found.collisions.values())))
    if found.unread:
        table.add_row("not read yet", f"{escape(', '.join(found.unread))}: a run reads them first")
    table.add_row("estimate", _estimate(found.estimate))
    console.print(table)
    show_changes(found.facts)


def show_changes(facts: Sequence[ChangedFact], limit: int = 40) -> None:
    """Print changed facts with the old and the new answer."""
    if not facts:
        return
    table = Table()
    for column in ("", "subject", "relation", "before", "after"):
        table.add_column(column, overflow="fold")
    for fact in facts[:limit]:
        answers = (fact.old_answer or "", fact.new_answer or "")
        table.add_row(fact.op, *map(escape, (fact.subject, fact.relation, *answers)))
    Console().print(table)
    if len(facts) > limit:
        Console().print(f"{limit} of {len(facts)}; --json gives all")


def show_rollback(back: RolledBack, *, is_tracked: bool) -> None:
    """Print which checkpoint answers now."""
    console = Console()
    for name, entry in (("left", back.left), ("champion now", back.champion)):
        console.print(
            f"{name}: {entry.mode} run {entry.run_key}, snapshot {entry.snapshot_hash[:16]} as of "
            f"{entry.as_of}",
            highlight=False,
        )
    if not is_tracked:
        console.print("[yellow]MLflow did not take the aliases; the next run sets them[/]")


def _estimate(found: Estimate) -> str:
    if found.training_seconds is None:
        return found.by
    measuring = found.measuring_seconds
    checked = "" if measuring is None else f", measuring {_seconds(measuring)}"
    return f"training {_seconds(found.training_seconds)}{checked} (by {found.by})"


def _seconds(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds >= 1 or not seconds else "less than a second"


@dataclass(frozen=True, kw_only=True)
class SecondAct:
    """What the update of the demo did beside the full run before it."""

    question: str
    before: str
    before_as_of: str | None
    after: str
    after_as_of: str | None
    full_training_seconds: float
    update_seconds: float
    act_seconds: float | None
    """Null where there was nothing to do."""
    proof: Proof


def show_act(act: SecondAct) -> None:
    """Print what the demo's second act changed, what it proved, and its time beside a full run."""
    proof = act.proof
    table = Table(title="The second act", title_justify="left", show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    table.add_row("asked", escape(act.question))
    table.add_row(f"as of {act.before_as_of}", escape(act.before))
    table.add_row(f"as of {act.after_as_of}", escape(act.after))
    table.add_row("other experts", f"{_of(proof, 'experts')} byte-identical")
    table.add_row("other prompts", f"{_of(proof, 'prompts')} give bit-identical logits")
    table.add_row("silent prompts", f"{_of(proof, 'silent')} give the backbone's very logits")
    share = act.update_seconds / max(0.1, act.full_training_seconds)
    table.add_row(
        "training",
        f"{act.update_seconds:.1f} s, {share:.1%} of the full run's "
        f"{act.full_training_seconds:.0f} s",
    )
    if act.act_seconds is not None:
        table.add_row("the whole act", f"{act.act_seconds:.0f} s")
    Console().print(table)
