"""The short table at the end of a run: facts, experts, recall with its cause, time per stage."""

from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table


def show_run(result: dict[str, Any], seconds: float) -> None:
    """Print what a run did, or that there was nothing to do."""
    console = Console()
    if not result["is_new"]:
        console.print(
            f"[bold green]Nothing to do[/]: run {result['run_key']} of these very facts and "
            f"settings is trained, measured and promoted ({seconds:.0f} s to find out)."
        )
    table = Table(title=f"Run {result['run_key']}", title_justify="left", show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in _lines(result, seconds):
        table.add_row(name, escape(value))
    console.print(table)
    if captured := result["measure_recall"].get("captured_foreign"):
        console.print("foreign questions answered from memory:")
        for prompt in captured:
            console.print(f"  {escape(prompt)}")


def _lines(result: dict[str, Any], seconds: float) -> Iterator[tuple[str, str]]:
    decided = result["reconciled"]
    counts = decided["counts"]
    yield (
        "facts",
        f"{decided['num_facts']} in {decided['num_slots']} slots from "
        f"{decided['num_input_rows']} rows, as of {decided['as_of']}",
    )
    yield (
        "decided",
        f"{decided['conflicts_resolved']} conflicts resolved, {decided['ties']} ties, "
        f"{counts['outdated']} outdated, {counts['quarantined']} quarantined, "
        f"{counts['held_back']} held back, {counts['duplicate']} duplicate",
    )
    checkpoint = result["write_checkpoint"]
    yield "experts", f"{checkpoint['num_experts']} written in {checkpoint['num_groups']} groups"
    trained = result["train_memory"]
    yield (
        "memory tuning",
        f"closed-form start, {trained['num_passes']} passes, "
        f"{trained['num_undecided']} facts undecided",
    )
    cells = result["measure_recall"]["summary"]
    for cell in cells:
        if cell["template"] == "*" and cell["kind"] in ("training", "heldout"):
            yield f"recall, {cell['kind']}", _recall(cell)
    for cell in cells:
        if cell["template"] != "*" and cell["kind"] == "heldout":
            yield f"  {cell['template'][:60]}", _recall(cell)
    for cell in cells:
        if cell["template"] == "*" and cell["kind"] not in ("training", "heldout"):
            taken = f"{cell['from_memory']:.1%} of {cell['num_questions']} answered from memory"
            yield cell["kind"].replace("_", "-"), taken
    if result["is_new"]:
        work = {
            "ingest to assign": result["prepared_seconds"],
            "router pretraining": trained["pretrain_router_seconds"],
            "memory tuning": trained["tune_memory_seconds"],
            "checkpoint": trained["write_checkpoint_seconds"],
            "recall": trained["measure_recall_seconds"],
        }
        yield "time", ", ".join(f"{name} {value:.0f} s" for name, value in work.items())
        overhead = seconds - sum(work.values())
        yield "in all", f"{seconds:.0f} s, {overhead:.0f} s of it Prefect, Ray and MLflow"


def _recall(cell: dict[str, Any]) -> str:
    return (
        f"{cell['exact']:.1%} exact of {cell['num_questions']} "
        f"(router agrees {cell['agreement']:.1%}, oracle router {cell['oracle_exact']:.1%})"
    )
