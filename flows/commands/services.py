"""Commands about this machine: its two servers, and whether a run would work."""

import contextlib
import sys
import time
from dataclasses import asdict
from typing import Annotated

import typer

from flows.commands.program import Json, app, given_settings, prepare, print_json
from flows.terminal import echo


@app.command()
def ui(
    prefect_port: Annotated[int | None, typer.Option(min=1, max=65535)] = None,
    mlflow_port: Annotated[int | None, typer.Option(min=1, max=65535)] = None,
    as_json: Json = False,
) -> None:
    """Start the Prefect and MLflow servers on loopback; Ctrl-C stops both."""
    from flows.errors import ServiceError
    from flows.servers.services import open_ui

    home = given_settings().home
    echo("starting both servers (about ten seconds)", err=True)
    with (
        contextlib.suppress(KeyboardInterrupt),
        open_ui(home.path, prefect_port=prefect_port, mlflow_port=mlflow_port) as servers,
    ):
        if as_json:
            print_json({server.name: server.link() for server in servers})
        else:
            for server in servers:
                echo(f"{server.name:8} {server.link()}")
            echo("each link lets one browser into both, once, within ten minutes; after that,")
            echo("links in reports work. Another `lamini ui` beside this one prints new links")
            echo("Ctrl-C stops both")
        sys.stdout.flush()
        while all(server.is_alive for server in servers):
            time.sleep(0.5)
        ended = next(server for server in servers if not server.is_alive)
        raise ServiceError(f"the {ended.name} server ended; see {ended.log}")


@app.command()
def doctor(
    deep: Annotated[
        bool, typer.Option(help="Read all that has a hash, and compare: takes as long as reading.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Look for what would make a run fail here; exit code 5 if something would."""
    home = given_settings().home
    prepare(home)
    from flows.servers.doctor import examine

    checks = [asdict(check) for check in examine(home.path, deep=deep)]
    failed = [check["name"] for check in checks if check["status"] == "fail"]
    if as_json:
        print_json({"ok": not failed, "checks": checks})
    else:
        from flows.commands.screen import show_checks

        show_checks(checks)
    if failed:
        raise typer.Exit(5)
