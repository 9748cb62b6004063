"""Show people what was forgotten, what still holds it, and what was removed."""

from dataclasses import asdict

from rich.markup import escape

from flows.commands.console import Console
from flows.commands.screen import show_rows
from flows.forgetting.forgotten import Forgotten, Lifted, ModelWithout, NoModel
from flows.forgetting.garbage import Collected
from flows.forgetting.purge import Purged

_UNITS = ("bytes", "kB", "MB", "GB", "TB")


def show_forgotten(found: Forgotten) -> None:
    """Print what became of a request to be forgotten."""
    console = Console()
    console.print(
        f"[bold green]Forgotten[/]: {escape(found.subject)}, {escape(found.relation)} "
        f"({escape(found.reason)}, since {found.forgotten_at})"
    )
    _show_model(console, found.model)
    if asserted := found.asserted_by:
        console.print("sources that still assert it, which are yours to change:")
        show_rows(asserted, ("source", "file", "row"))
    if purged := found.purge:
        _show_purge(console, purged)
    if held := found.still_held:
        console.print("what still holds it (--purge removes all of this):")
        show_rows(map(asdict, held), ("kind", "path", "what"))
    else:
        console.print("no checkpoint, bank version, snapshot or assignment holds it")


def _show_model(console: Console, model: ModelWithout | NoModel) -> None:
    if isinstance(model, NoModel):
        return console.print("no model is promoted, so none holds it")
    silence = model.silence
    console.print(
        f"run {model.run_key} answers without it: {silence.prompts_as_the_backbone} of "
        f"{silence.prompts_asked} prompts of the fact get the backbone's own logits, bit for bit"
    )
    for prompt in silence.prompts_that_read_another_fact:
        console.print(f"  read by another fact's experts: {escape(prompt)}")
    if model.removed_by_this_run:
        groups, proof = ", ".join(map(str, model.groups)), model.proof
        console.print(
            f"groups emptied or retrained: {groups}; of {proof.num_experts} other experts "
            f"{len(proof.differing_experts or ())} differ, of {proof.num_prompts} other "
            f"prompts {len(proof.differing_prompts or ())}"
        )


def _show_purge(console: Console, purged: Purged) -> None:
    console.print(
        f"purged: {len(purged.rewritten_checkpoints)} checkpoints written anew, "
        f"{len(purged.removed)} folders and files removed, {len(purged.cleaned)} cleaned, "
        f"the catalogue shrank by {size(purged.catalogue_shrank_by_bytes)}"
    )
    for what in purged.not_looked_for:
        console.print(f"[yellow]not looked for[/]: {what}")
    if purged.pictures_not_read:
        console.print(f"[yellow]not read[/]: {purged.pictures_not_read} pictures (plots)")
    if left := purged.left:
        console.print("[red]it still stands in[/]:")
        show_rows(map(asdict, left), ("path", "why"))
    else:
        console.print("no file under the home holds it any more: every one was searched")


def show_lifted(found: Lifted) -> None:
    """Print that a tombstone was taken away."""
    console = Console()
    console.print(
        f"[bold green]Lifted[/]: claims about {escape(found.subject)}, "
        f"{escape(found.relation)} count again; lamini run trains what they say"
    )
    if found.was_purged:
        console.print("It was purged: only what a source says from now on comes back.")


def show_collected(found: Collected) -> None:
    """Print what went, or would go."""
    console = Console()
    verb = "would free" if found.dry_run else "freed"
    rows = [{**asdict(item), "frees": size(item.bytes)} for item in found.items]
    if rows:
        show_rows(rows, ("kind", "path", "why", "frees"))
    if refused := found.refused_rows.rows:
        console.print(f"{refused} rows in quarantine lose their text")
    console.print(f"{len(rows)} things, {verb} {size(found.bytes)}")


def size(number: float) -> str:
    """Return a number of bytes as people read it."""
    for unit in _UNITS:
        if abs(number) < 1000 or unit == _UNITS[-1]:
            break
        number /= 1000
    return f"{number:.0f} {unit}" if unit == _UNITS[0] else f"{number:.1f} {unit}"
