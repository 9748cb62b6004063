"""Serve a home's deployments in one process, against the home's own Prefect server or another's.

Each run is a process of its own, which reads the settings anew; stopping pauses the schedules.
"""

import os
from collections.abc import Callable

from flows.automation.deployments import Deployment, as_served, settings_file
from flows.configuration.settings import Settings
from flows.home.run_lock import run_lock
from flows.servers.services import Services

POLL_SECONDS = 5.0
"""How long a run that is due may wait; Prefect's own is 10."""
MAX_RUNS = 4
"""Runs at a time: a training, and what is taken in beside it."""


def serve_home(
    settings: Settings, listed: list[Deployment], on_ready: Callable[[str], None]
) -> None:
    """Serve until interrupted or terminated; `on_ready` is given the API's address.

    Raises:
        RunLockedError: this home is served already.
        ServiceError: the Prefect server did not come up.
    """
    _hand_down(settings)
    with run_lock(settings.home, name="serve"), Services(settings.home.path) as services:
        url = services.wait_ready()
        from prefect import serve

        from flows.tracking.open_flow_runs import settle_flow_runs

        # What "runs" still, though its process died with an earlier server, would hold up the next.
        settle_flow_runs(settings.home)
        served = [as_served(deployment) for deployment in listed]
        on_ready(url)
        serve(*served, limit=MAX_RUNS, query_seconds=POLL_SECONDS, print_starting_message=False)


def _hand_down(settings: Settings) -> None:
    """Have the processes of the runs find the same home and settings file from any folder."""
    os.environ["LAMINI_HOME"] = str(settings.home)
    if (file := settings_file()) is not None:
        os.environ["LAMINI_CONFIG"] = str(file)
