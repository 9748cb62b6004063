"""Commands about the settings: lamini config show."""

import json
import os
from typing import Annotated

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
    if as_json:
        names = ("name", "value", "origin") if origin else ("name", "value")
        rows = [{name: getattr(one, name) for name in names} for one in found.settings]
        return print_json({**vars(found), "settings": rows})
    echo(f"# profile {found.profile}, settings file: {found.file or 'none'}")
    for one in found.settings:
        shown = f"{one.name} = {json.dumps(one.value, ensure_ascii=False)}"
        echo(f"{shown:<60} # {one.origin}" if origin else shown)
    for ignored in found.ignored:
        echo(f"ignored: {ignored}", err=True)
