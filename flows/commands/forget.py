"""Commands about what is to be gone: forget, gc."""

import sys
from typing import Annotated

import typer

from flows.commands.program import Json, app, given_settings, prepare, print_json


@app.command()
def forget(
    subject: Annotated[str, typer.Option(help="Whom or what the fact is about.")],
    relation: Annotated[str, typer.Option(help="What it says of the subject.")],
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="Kept, and shown.")] = None,
    purge: Annotated[
        bool, typer.Option("--purge", help="Also remove all that still holds it. No way back.")
    ] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Take the tombstone away.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Forget a fact: out of the model, with proof, and never learned again."""
    if undo and (purge or reason):
        raise typer.BadParameter("--undo takes neither --purge nor --reason")
    settings = given_settings()
    if not yes:
        _confirm(subject, relation, purge, undo)
    prepare(settings.home)
    from flows import forget_fact
    from warehouse.tombstones import DEFAULT_REASON

    if undo:
        lifted = forget_fact.lift(settings, subject, relation)
        if as_json:
            return print_json(lifted)
        from flows.commands.screen_forget import show_lifted

        return show_lifted(lifted)
    found = forget_fact.forget(
        settings, subject, relation, reason=reason or DEFAULT_REASON, purge=purge
    )
    if as_json:
        print_json(found)
    else:
        from flows.commands.screen_forget import show_forgotten

        show_forgotten(found)
    if found.purge is not None and found.purge.left:
        raise typer.Exit(5)


def _confirm(subject: str, relation: str, purge: bool, undo: bool) -> None:
    if not sys.stdin.isatty():
        raise typer.BadParameter("without a terminal nobody can be asked; give --yes")
    verb = "Lift the tombstone of" if undo else "Forget"
    more = " and remove every checkpoint and snapshot that holds it, without a way back" * purge
    typer.confirm(f"{verb} ({subject}, {relation}){more}?", abort=True, err=True)


@app.command()
def gc(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    as_json: Json = False,
) -> None:
    """Remove old runs, bank versions, snapshots, assignments by the settings' retention policy."""
    settings = given_settings()
    prepare(settings.home)
    from flows.forgetting.garbage import collect

    found = collect(settings, dry_run=dry_run)
    if as_json:
        return print_json(found)
    from flows.commands.screen_forget import show_collected

    show_collected(found)
