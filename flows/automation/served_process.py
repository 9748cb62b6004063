"""How a served flow begins: with its home's settings as they are now, often in its own process."""

import os
import select
import threading
from pathlib import Path

from prefect.runtime import flow_run
from rich.console import Console  # noqa: TID251 - ours inherits from it

from flows.configuration.settings import Settings, load_settings
from flows.environment import apply_environment, end_quietly
from flows.terminal import guard_terminal
from flows.tracking.open_flow_runs import remember_flow_run, settle_flow_runs


def enter(home: Path) -> Settings:
    """Return `home`'s settings as they are now, with the environment of the libraries in place.

    The flow run is recorded as this process's, and those that died before it are ended.

    Raises:
        SettingsError: a setting is unknown, of the wrong type or out of range.
    """
    settings = load_settings({"home": home})
    apply_environment(settings.home.path)
    if "PREFECT__FLOW_RUN_ID" in os.environ:
        end_quietly()
        guard_terminal()
        _outlive_runner()
    if flow_run.id:  # not where a flow's function is called as such
        settle_flow_runs(settings.home)
        remember_flow_run(settings.home)
    return settings


def _outlive_runner() -> None:
    """Let lines go nowhere once the runner that reads them is dead, and the run go on.

    Otherwise the first line after its death ends the run: Rich exits on a broken pipe.
    """

    def wait() -> None:
        pipes = select.poll()
        for descriptor in (1, 2):
            pipes.register(descriptor, 0)  # of a pipe without reader, the error alone
        pipes.poll()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for descriptor in (1, 2):
            os.dup2(nowhere, descriptor)

    threading.Thread(target=wait, name="outlive the runner", daemon=True).start()
    # For a line that is written before the thread has its turn.
    Console.on_broken_pipe = lambda self: None  # type: ignore[method-assign]
