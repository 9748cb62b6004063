"""Commands about what runs without a hand: serve."""

import contextlib
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.program import Json, app, given_settings, prepare, print_json
from flows.terminal import echo

if TYPE_CHECKING:
    from flows.automation.deployments import Deployment


@app.command()
def serve(
    show: Annotated[
        bool, typer.Option("--show", help="Print the deployments for a prefect.yaml, and end.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Serve ingestion, watching, retraining and measuring of this home until Ctrl-C."""
    settings = given_settings()
    prepare(settings.home)
    from flows.automation.deployments import as_yaml, deployments

    listed = deployments(settings)
    entries = [as_yaml(deployment) for deployment in listed]
    if show:
        return print_json({"deployments": entries}) if as_json else _show_yaml(entries)
    echo("starting (about twenty seconds)", err=True)
    from flows.automation.served import serve_home

    def on_ready(url: str) -> None:
        if as_json:
            print_json({"prefect": url, "home": str(settings.home), "deployments": entries})
        else:
            _tell(url, listed)
        sys.stdout.flush()

    with contextlib.suppress(KeyboardInterrupt):
        serve_home(settings, listed, on_ready)


def _tell(url: str, listed: "list[Deployment]") -> None:
    for one in listed:
        when = [str(s.get("cron") or f"every {s['interval']} s") for s in one.schedules]
        when += [f"on {name}" for trigger in one.triggers for name in trigger["expect"]]
        flow = one.entrypoint.rsplit(":", 1)[1]
        echo(f"{flow}/{one.name}: {', '.join(when) or 'when asked'}")
    echo(f"served against {url}; `lamini ui` shows the runs, Ctrl-C stops")


def _show_yaml(entries: Sequence[Mapping[str, object]]) -> None:
    import yaml  # type: ignore[import-untyped]

    echo(yaml.safe_dump({"deployments": entries}, sort_keys=False), nl=False)
