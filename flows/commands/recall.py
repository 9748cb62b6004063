"""The command about recall: of the newest run, of one fact over time, of all facts over time."""

from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.program import Json, app, given_settings, print_json

if TYPE_CHECKING:
    from flows.reporting.fact_history import Listed


@app.command()
def recall(
    history: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="SUBJECT RELATION", help="One fact at every checkpoint."),
    ] = None,
    regressed_since: Annotated[
        str | None,
        typer.Option(metavar="RUN|DATE", help="Facts recalled worse than then."),
    ] = None,
    never_memorized: Annotated[
        bool, typer.Option("--never-memorized", help="Facts that no checkpoint answered right.")
    ] = False,
    flapping: Annotated[
        bool, typer.Option("--flapping", help="Facts memorized and lost by turns.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show the newest run's recall beside its cause, or how facts fared over the checkpoints."""
    asked = (history is not None, regressed_since is not None, never_memorized, flapping)
    if sum(asked) > 1:
        raise typer.BadParameter(
            "give one of --history, --regressed-since, --never-memorized, --flapping"
        )
    if history is not None:
        return _history(*history, as_json)
    from flows.reporting import fact_history

    home = given_settings().home
    if regressed_since is not None:
        return _show_listed(fact_history.regressed(home, regressed_since), as_json)
    if never_memorized:
        return _show_listed(fact_history.never_memorized(home), as_json)
    if flapping:
        return _show_listed(fact_history.flapping(home), as_json)
    from flows.reporting.status import newest_recall

    found = newest_recall(home)
    if as_json:
        return print_json(found)
    from flows.commands.screen import show_recall

    show_recall(found)


def _history(subject: str, relation: str, as_json: bool) -> None:
    from flows.reporting.fact_history import history_of

    found = history_of(given_settings().home, subject, relation)
    if as_json:
        return print_json(found)
    from flows.commands.screen_recall import show_history

    show_history(found)


def _show_listed(found: "Listed", as_json: bool) -> None:
    if as_json:
        return print_json(found)
    from flows.commands.screen_recall import show_listed

    show_listed(found)
