"""The command that answers over HTTP: endpoint."""

import contextlib
import sys
from typing import Annotated

import typer

from flows.commands.program import Json, app, given_settings, prepare, print_json
from flows.terminal import echo


@app.command()
def endpoint(
    port: Annotated[int, typer.Option(min=1, max=65535)] = 5600,
    as_json: Json = False,
) -> None:
    """Answer prompts over HTTP with the promoted checkpoint, for this user alone, until Ctrl-C."""
    settings = given_settings()
    prepare(settings.home)
    from flows.servers.auth_string import auth_file
    from flows.serving.endpoint import serve_champion

    secret = auth_file(settings.home.path)

    def on_ready(url: str) -> None:
        if as_json:
            paths = {"endpoint": f"{url}/invocations", "openai": f"{url}/v1"}
            print_json({**paths, "password": str(secret)})
        else:
            echo(f"{url}/invocations, with the password of {secret}:")
            echo(
                f'curl -u "$(cat {secret})" {url}/invocations '
                """-H 'Content-Type: application/json' -d '{"inputs": {"prompt": ["..."]}}'"""
            )
            echo(f"{url}/v1 has the form of OpenAI's chat completions (model lamini-champion)")
            echo("Ctrl-C stops it")
        sys.stdout.flush()

    with contextlib.suppress(KeyboardInterrupt):
        serve_champion(settings, port, on_ready)
