"""Commands about runs and their model: run, demo, ask, status."""

import contextlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from flows.commands.program import (
    AsOf,
    Backbone,
    Full,
    Incremental,
    Json,
    app,
    asked_mode,
    given_settings,
    prepare,
    print_json,
)
from flows.errors import CHECK_FAILED, GateError
from flows.home.home import Home
from flows.terminal import echo

if TYPE_CHECKING:
    from flows.configuration.settings import Settings
    from flows.servers.services import Services


@app.command()
def run(
    as_of: AsOf = None,
    source: Annotated[
        list[Path] | None, typer.Option(metavar="MAPPING", help="A mapping; may be repeated.")
    ] = None,
    backbone: Backbone = None,
    workers: Annotated[
        int | None, typer.Option(min=0, help="Ray Train workers; 0: in this process.")
    ] = None,
    every: Annotated[
        str | None, typer.Option(help="With --as-of FROM..TO: day, week, month, quarter, year.")
    ] = None,
    ray_address: Annotated[
        str | None, typer.Option(metavar="URL", help="Train there, through Ray's Jobs API.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Train even if nothing changed.")] = False,
    full: Full = False,
    incremental: Incremental = False,
    as_json: Json = False,
) -> None:
    """Run everything: ingest, reconcile, train or update, measure, promote. Resumes by itself."""
    mode = asked_mode(full, incremental)
    is_range = ".." in (as_of or "")
    if every and not is_range:
        raise typer.BadParameter("--every goes with --as-of FROM..TO")
    settings = given_settings(
        as_of=None if is_range else as_of,
        sources=tuple(source or ()),
        backbone=backbone,
        num_workers=workers,
        ray_address=ray_address,
    )
    if is_range:
        return _backfill(settings, str(as_of), every, force, mode, as_json)
    from flows.automation.inputs import check_inputs

    check_inputs(settings)
    started = time.monotonic()
    with _prefect_server(settings.home), _only_json_on_stdout(as_json):
        from flows import memorize

        result = memorize.run(settings, force=force, mode=mode)
    if as_json:
        return print_json(result)
    from flows.commands.report import show_run

    show_run(result, time.monotonic() - started)


def _backfill(
    settings: "Settings",
    as_of: str,
    every: str | None,
    force: bool,
    mode: str | None,
    as_json: bool,
) -> None:
    from flows.automation.inputs import check_inputs
    from flows.backfill import backfill, read_range

    days = read_range(as_of, every)
    check_inputs(settings)
    with _prefect_server(settings.home), _only_json_on_stdout(as_json):
        from flows import memorize

        found = backfill(
            settings, days, lambda of_day: memorize.run(of_day, mode=mode), again=force
        )
    if as_json:
        return print_json(found)
    for day in found.days[found.num_skipped :]:
        echo(f"{day.as_of}  {day.decision:11} {'; '.join(day.reasons)}")
    echo(f"{found.num_days} days, {found.num_skipped} of them done before")


@app.command()
def demo(as_of: AsOf = None, as_json: Json = False) -> None:
    """Run everything on the embedded facts, and show what it did."""
    settings = given_settings(as_of=as_of)
    with _prefect_server(settings.home), _only_json_on_stdout(as_json):
        from flows.commands import demo

        result = demo.run(settings)
    if as_json:
        print_json(result)


@app.command()
def ask(
    prompts: Annotated[
        list[str] | None, typer.Argument(help="None: a conversation, until Ctrl-D or Ctrl-C.")
    ] = None,
    strict: Annotated[bool, typer.Option(help="Silence where any doubt is left.")] = False,
    refusal: Annotated[
        str | None, typer.Option(help="Said where nothing is read; default: the backbone's answer.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Ask the promoted checkpoint; an answer from memory names its facts and source rows."""
    settings = given_settings(refusal=refusal)
    prepare(settings.home)
    from flows.serving.asking import open_asking

    ask = open_asking(
        settings.home,
        strict=strict,
        refusal=settings.refusal,
        on_mismatch=settings.on_mismatch,
        is_conversation=not prompts,
    )
    from flows.commands.screen import show_answers

    num_mismatched = 0
    for batch in [prompts] if prompts else ([line] for line in _lines()):
        asked = ask(batch)
        num_mismatched += sum(one.is_mismatch for one in asked)
        if not as_json:
            show_answers(asked)
        elif prompts:
            print_json(asked)
        else:
            print_json(asked[0], indent=None)
    if num_mismatched and settings.on_mismatch != "table":
        raise GateError(
            f"{num_mismatched} answer{'s' * (num_mismatched != 1)} of memory not as the table has "
            "it; `lamini run` brings memory to the table"
        )


@app.command()
def chat(
    mode: Annotated[
        Literal["inline", "context", "both"] | None,
        typer.Option(help="How memory is read; default: both where the checkpoint has due keys."),
    ] = None,
    tokens: Annotated[int, typer.Option(min=1, help="At most so many in a turn.")] = 160,
    as_json: Json = False,
) -> None:
    """Talk with the promoted checkpoint: values name their source rows, doubtful sentences a ?."""
    settings = given_settings()
    prepare(settings.home)
    from flows.serving.conversation import open_conversation

    say = open_conversation(settings.home, mode, tokens)
    from flows.commands.screen import show_turn

    for line in _lines():
        turn = say(line)
        if as_json:
            print_json(turn, indent=None)
        else:
            show_turn(turn)


def _lines() -> Iterator[str]:
    """Yield what a person types, line by line; where it is piped in, without a prompt."""
    mark = "> " if sys.stdin.isatty() else ""
    with contextlib.suppress(EOFError, KeyboardInterrupt):
        while True:
            sys.stdout.flush()
            if line := input(mark).strip():
                yield line
    if mark:
        echo()


@app.command()
def status(as_json: Json = False) -> None:
    """Show the head snapshot, pending changes, the last runs, the servers, and what is broken."""
    from flows.reporting.status import status

    found = status(given_settings().home)
    if as_json:
        print_json(found)
    else:
        from flows.commands.screen import show_status

        show_status(found)
    if found.broken:
        raise typer.Exit(CHECK_FAILED)


def _prefect_server(home: Home) -> "Services":
    # Started before the slow imports, which then take none of its time.
    from flows.servers.services import Services

    return Services(home.path)


@contextlib.contextmanager
def _only_json_on_stdout(as_json: bool) -> Any:
    with contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext():
        yield
