"""Commands about the settings: lamini config show."""

import json
import os
from typing import Annotated, Any

import typer

from flows.commands.program import Json, Program, app, print_json
from flows.terminal import echo

config_app = typer.Typer(cls=Program, help="Show the settings.", no_args_is_help=True)
app.add_typer(config_app, name="config")


@config_app.command("show")
def show_config(
    origin: Annotated[
        bool, typer.Option("--origin", help="Say where each value comes from.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show every setting as it takes effect here; secrets are named, never shown."""
    from flows.configuration.shown import shown_settings

    found = shown_settings(os.environ)
    rows = [{k: v for k, v in row.items() if origin or k != "origin"} for row in found["settings"]]
    if as_json:
        return print_json({**found, "settings": rows})
    _show(found, rows)


def _show(found: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    echo(f"# profile {found['profile']}, settings file: {found['file'] or 'none'}")
    for row in rows:
        shown = f"{row['name']} = {json.dumps(row['value'], ensure_ascii=False)}"
        echo(f"{shown:<60} # {row['origin']}" if "origin" in row else shown)
    for ignored in found["ignored"]:
        echo(f"ignored: {ignored}", err=True)
