"""The program `lamini`. Only typer and the standard library are imported up here: --help is fast.

Exit codes: 0 done; 1 unexpected (with a traceback: please report it); 2 wrong usage; 3 bad input
(the message names file, row and column, or the setting); 4 another process holds what is needed,
try again; 5 a check or a gate failed; 6 an earlier step has not run yet; 130 interrupted.
"""

import atexit
import contextlib
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

if TYPE_CHECKING:
    from flows.services import Services
    from flows.settings import Settings

EPILOG = (
    "Exit codes: 0 done, 1 unexpected, 2 usage, 3 bad input, 4 locked (try again), "
    "5 a check failed, 6 an earlier step is missing, 130 interrupted. "
    "State lies under LAMINI_HOME (default .lamini)."
)


class Program(TyperGroup):
    """Turns errors raised on purpose into one message and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (Exception, KeyboardInterrupt) as error:
            from flows.errors import exit_code

            code = exit_code(error)
            if code is None:
                raise
            typer.echo(f"lamini: {error or 'interrupted'}", err=True)
            raise typer.Exit(code) from None


app = typer.Typer(
    cls=Program,
    help="Keep a language model's memory equal to your tables.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
AsOf = Annotated[str | None, typer.Option(metavar="DATE", help="Facts of that day; default today.")]
Backbone = Annotated[str | None, typer.Option(help="embedded, a folder, or a model's name.")]


@app.command()
def ingest(
    mappings: Annotated[
        list[Path] | None, typer.Argument(metavar="MAPPING...", help="TOML mapping files.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Take in claims: from the tables that mappings name, or the embedded reference facts."""
    settings = _settings(sources=tuple(mappings or ()))
    recorded = _attach(settings.home)
    from flows.ingest_facts import ingest_facts, ingest_source, source_names

    sources = list(settings.sources)
    if recorded:
        receipts = ingest_facts(settings.home, sources)
    else:
        receipts = [ingest_source.fn(settings.home, name) for name in source_names(sources)]
    if as_json:
        return _print_json(receipts)
    from flows.screen import show_rows

    columns = ("num_rows", "num_accepted", "num_duplicates", "num_quarantined", "is_new")
    show_rows(receipts, ("source", "file", *columns))


@app.command()
def reconcile(as_of: AsOf = None, backbone: Backbone = None, as_json: Json = False) -> None:
    """Decide one fact per slot from all claims, and publish the snapshot."""
    settings = _settings(as_of=as_of, backbone=backbone)
    recorded = _attach(settings.home)
    from flows.reconcile_facts import reconcile_and_publish, reconcile_facts

    step: Callable[..., dict[str, Any]] = reconcile_facts if recorded else reconcile_and_publish.fn
    receipt = step(
        settings.home, settings.as_of, settings.backbone, settings.tuning.max_answer_tokens
    )
    _show(receipt, as_json, "reconciled")


@app.command()
def facts(
    relation: Annotated[str | None, typer.Option(help="Only this relation.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many.")] = None,
    parquet: Annotated[Path | None, typer.Option(metavar="FILE", help="Write them there.")] = None,
    as_json: Json = False,
) -> None:
    """List the resolved facts, each with the claim that won and its support."""
    from flows.resolved import resolved_facts

    if limit is None and not as_json and parquet is None:
        limit = 20
    table, num_all = resolved_facts(_settings().home, relation=relation, limit=limit)
    if parquet is not None:
        from warehouse.durable import write_parquet

        write_parquet(table, parquet)
        return _show({"path": str(parquet.resolve()), "num_facts": table.num_rows}, as_json)
    if as_json:
        return _print_json(table.to_pylist())
    from flows.screen import show_facts

    show_facts(table.to_pylist(), num_all)


@app.command()
def why(subject: str, relation: str, as_json: Json = False) -> None:
    """Say why a slot has its value: every claim about it, with its fate and the reason."""
    from flows.errors import SettingsError
    from warehouse.explain import explain
    from warehouse.snapshot import head

    found = explain(head(_settings().warehouse), subject, relation)
    if not found.claims:
        near = [*found.nearest_subjects, *found.nearest_relations]
        raise SettingsError(
            f"no claim about ({found.subject!r}, {found.relation!r}); "
            f"near: {', '.join(repr(name) for name in near) or 'nothing'}"
        )
    if as_json:
        return _print_json(asdict(found))
    from flows.screen import show_explanation

    show_explanation(asdict(found))


@app.command()
def run(
    as_of: AsOf = None,
    source: Annotated[
        list[Path] | None, typer.Option(metavar="MAPPING", help="A mapping; may be repeated.")
    ] = None,
    backbone: Backbone = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Ray Train workers.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Train even if nothing changed.")] = False,
    as_json: Json = False,
) -> None:
    """Run everything: ingest, reconcile, assign, train, measure, promote. Resumes by itself."""
    settings = _settings(
        as_of=as_of, sources=tuple(source or ()), backbone=backbone, num_workers=workers
    )
    started = time.monotonic()
    with _prefect_server(settings.home), _only_json_on_stdout(as_json):
        from flows import memorize

        result = memorize.run(settings, force=force)
    if as_json:
        return _print_json(result)
    from flows.report import show_run

    show_run(result, time.monotonic() - started)


@app.command()
def demo(as_of: AsOf = None, as_json: Json = False) -> None:
    """Run everything on the embedded facts, and show what it did."""
    settings = _settings(as_of=as_of)
    with _prefect_server(settings.home), _only_json_on_stdout(as_json):
        from flows import demo

        result = demo.run(settings)
    if as_json:
        _print_json(result)


@app.command()
def ask(prompts: Annotated[list[str], typer.Argument()], as_json: Json = False) -> None:
    """Ask the promoted checkpoint; an answer from memory names its facts and source rows."""
    settings = _settings()
    _prepare(settings.home)
    from flows.asking import ask

    answers = [asdict(asked) for asked in ask(settings.home, prompts)]
    if as_json:
        return _print_json(answers)
    from flows.screen import show_answers

    show_answers(answers)


@app.command()
def recall(as_json: Json = False) -> None:
    """Show the newest run's recall, beside the router's agreement and oracle recall."""
    from flows.status import newest_recall

    found = newest_recall(_settings().home)
    if as_json:
        return _print_json(found)
    from flows.screen import show_recall

    show_recall(found)


@app.command()
def status(as_json: Json = False) -> None:
    """Show the head snapshot, pending changes, the last runs and the servers."""
    from flows.status import status

    found = status(_settings().home)
    if as_json:
        return _print_json(found)
    from flows.screen import show_status

    show_status(found)


@app.command()
def ui(
    prefect_port: Annotated[int | None, typer.Option(min=1, max=65535)] = None,
    mlflow_port: Annotated[int | None, typer.Option(min=1, max=65535)] = None,
    as_json: Json = False,
) -> None:
    """Start the Prefect and MLflow servers on loopback; Ctrl-C stops both."""
    from flows.errors import ServiceError
    from flows.services import open_ui

    home = _settings().home
    typer.echo("starting both servers (about ten seconds)", err=True)
    with (
        contextlib.suppress(KeyboardInterrupt),
        open_ui(home, prefect_port=prefect_port, mlflow_port=mlflow_port) as servers,
    ):
        if as_json:
            _print_json({server.name: server.url for server in servers})
        else:
            for server in servers:
                typer.echo(f"{server.name:8} {server.url}")
            typer.echo("Ctrl-C stops both")
        sys.stdout.flush()
        while all(server.is_alive for server in servers):
            time.sleep(0.5)
        ended = next(server for server in servers if not server.is_alive)
        raise ServiceError(f"the {ended.name} server ended; see {ended.log}")


@app.command()
def doctor(as_json: Json = False) -> None:
    """Look for what would make a run fail here; exit code 5 if something would."""
    home = _settings().home
    _prepare(home)
    from flows.doctor import examine

    checks = [asdict(check) for check in examine(home)]
    failed = [check["name"] for check in checks if check["status"] == "fail"]
    if as_json:
        _print_json({"ok": not failed, "checks": checks})
    else:
        from flows.screen import show_checks

        show_checks(checks)
    if failed:
        raise typer.Exit(5)


def _settings(**given: object) -> "Settings":
    from flows.settings import load_settings

    return load_settings(given)


def _prepare(home: Path) -> None:
    from flows.settings import apply_environment

    apply_environment(home)


def _attach(home: Path) -> bool:
    # A step alone is recorded where a server already runs; starting one would take longer than it.
    from flows.services import attach

    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    return attach(home)


def _prefect_server(home: Path) -> "Services":
    # Started before the slow imports, which then take none of its time.
    from flows.services import Services

    return Services(home)


@contextlib.contextmanager
def _only_json_on_stdout(as_json: bool) -> Any:
    with contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext():
        yield


def _show(result: Any, as_json: bool, title: str = "") -> None:
    if as_json:
        return _print_json(result)
    from flows.screen import show_mapping

    show_mapping(result, title)


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def main() -> None:
    """Run the program."""
    end_quietly()
    app()


def end_quietly() -> None:
    """Keep DuckDB from listing leaks at exit; to be called before Prefect is imported.

    DuckDB 2.0.0 (nanobind) lists them on stderr while Prefect's threads still live. What is
    registered first runs last. To be removed when a DuckDB no longer does it.
    """
    atexit.register(lambda: os.dup2(os.open(os.devnull, os.O_WRONLY), 2))


if __name__ == "__main__":
    main()
