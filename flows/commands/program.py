"""What all commands of `lamini` share: the program, its common options, how results are printed.

Only typer and the standard library are imported up here, and in the modules of the commands: --help
is fast.
"""

import json
import os
from dataclasses import asdict, fields, is_dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from flows import DISTRIBUTION
from flows.home.home import Home
from flows.terminal import as_json_escapes, echo, leave_reader, reader_is_gone

if TYPE_CHECKING:
    from flows.configuration.settings import Settings

_AS_JSON = "lamini.as_json"
EPILOG = (
    "Exit codes: 0 done, 1 unexpected, 2 usage, 3 bad input, 4 locked (try again), "
    "5 a check failed, 6 an earlier step is missing, 130 interrupted. "
    "State lies under LAMINI_HOME (default .lamini)."
)


class Program(TyperGroup):
    """Turns errors raised on purpose into one message and an exit code; --profile goes anywhere.

    Where --json was given, the message is a line of JSON on stderr: stdout has results alone.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if ctx.parent is None:
            for arg in args:
                if any("\ud800" <= letter <= "\udfff" for letter in arg):
                    raise typer.BadParameter(
                        f"{arg!r} is no UTF-8; rename the file, or quote it anew"
                    )
            args = _profile_first(args)
            ctx.meta[_AS_JSON] = "--json" in args[: _end_of_options(args)]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (Exception, KeyboardInterrupt) as error:
            if isinstance(error, BrokenPipeError) and reader_is_gone():
                leave_reader()
                raise typer.Exit from None
            from flows.errors import exit_code, told

            code = exit_code(error)
            if code is None:
                raise
            if ctx.meta.get(_AS_JSON):
                typer.echo(as_json_escapes(to_json(told(error))), err=True)  # noqa: TID251
            else:
                echo(f"lamini: {error or 'interrupted'}", err=True)
            raise typer.Exit(code) from None


app = typer.Typer(
    cls=Program,
    help="Keep a language model's memory equal to your tables.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        echo(f"lamini {version(DISTRIBUTION)}")
        raise typer.Exit


@app.callback()
def common(
    profile: Annotated[
        str | None, typer.Option(metavar="NAME", help="A profile of the settings file.")
    ] = None,
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_show_version, help="Print the version."),
    ] = False,
) -> None:
    """Keep a language model's memory equal to your tables."""
    if profile:
        os.environ["LAMINI_PROFILE"] = profile  # of the processes that this one starts, too


def _profile_first(args: list[str]) -> list[str]:
    """Move `--profile NAME` before the command, where it is understood."""
    for at, word in enumerate(args[: _end_of_options(args)]):
        size = 2 if word == "--profile" else 1 if word.startswith("--profile=") else 0
        if size:
            return [*args[at : at + size], *args[:at], *args[at + size :]]
    return args


def _end_of_options(args: list[str]) -> int:
    return args.index("--") if "--" in args else len(args)


MOST_ROWS = 1_000_000_000
"""Of what is listed; more does not fit into what counts rows."""
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
AsOf = Annotated[str | None, typer.Option(metavar="DATE", help="Facts of that day; default today.")]
Full = Annotated[bool, typer.Option("--full", help="Train everything, whatever changed.")]
Incremental = Annotated[
    bool,
    typer.Option("--incremental", help="Update the promoted model, or refuse."),
]
Backbone = Annotated[str | None, typer.Option(help="embedded, a folder, or a model's name.")]


def given_settings(**given: object) -> "Settings":
    """Return the settings: what the command line gives over environment and file.

    Variables with our prefix that set nothing are named: one of them may hold a secret, so none is
    refused.
    """
    from flows.configuration.settings import load_settings
    from flows.configuration.shown import ignored_variables
    from flows.environment import keep_private
    from flows.servers.mlflow_database import settle_artifacts

    settings = load_settings(given)
    keep_private(settings.home.path)
    settle_artifacts(settings.home.path)
    for name in ignored_variables(os.environ):
        echo(f"lamini: this variable sets nothing: {name}", err=True)
    return settings


def asked_mode(full: bool, incremental: bool) -> str | None:
    """Return the mode that a person asked for; null to let the program decide."""
    if full and incremental:
        raise typer.BadParameter("give --full or --incremental, not both")
    return "full" if full else "incremental" if incremental else None


def prepare(home: Home) -> None:
    """Put our environment in place before anything slow is imported."""
    from flows.environment import apply_environment

    apply_environment(home.path)


def attach_server(home: Home) -> bool:
    """Use the Prefect server that already answers; false where there is none.

    A step alone is recorded where a server runs; starting one would take longer than the step.
    """
    from flows.servers.services import attach

    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    return attach(home.path)


def show(result: Any, as_json: bool, title: str = "") -> None:
    """Print one result, for people or for programs."""
    if as_json:
        return print_json(result)
    from flows.commands.screen import show_mapping

    show_mapping(
        asdict(result) if is_dataclass(result) and not isinstance(result, type) else result, title
    )


def print_json(value: Any, *, indent: int | None = 2) -> None:
    """Print it as programs read it; without an indent, on one line."""
    typer.echo(as_json_escapes(to_json(value, indent=indent)))  # noqa: TID251


def to_json(value: Any, *, indent: int | None = None) -> str:
    """Return JSON of plain values, receipts, paths and days, however they lie within each other."""
    return json.dumps(value, indent=indent, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> object:
    """Return what stands for a receipt, a path or a day where programs read it."""
    if hasattr(value, "told"):
        return value.told()
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    return str(value)
