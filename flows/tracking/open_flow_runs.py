"""Which process works on which flow run: HOME/flow_runs/ID.json, until Prefect knows its end.

Prefect does not see the death of a process that its own runner does not watch: the flow run goes on
"running", and a retrain that does keeps the next one waiting for its turn.
"""

import json
import logging
from dataclasses import asdict
from pathlib import Path

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.exceptions import ObjectNotFound
from prefect.runtime import flow_run
from prefect.states import Crashed

from flows.home.home import Home
from flows.home.processes import Process, this_process
from warehouse.durable import write_json

log = logging.getLogger(__name__)


def remember_flow_run(home: Home) -> None:
    """Record that this process works on the flow run that is going on; outside of one, nothing."""
    if flow_run.id:
        write_json(asdict(this_process()), home.flow_runs / f"{flow_run.id}.json")


def settle_flow_runs(home: Home) -> list[str]:
    """Tell the Prefect server that flow runs whose process is gone have crashed; give those.

    What it cannot be told now, it is told at the next start.
    """
    ended: list[str] = []
    try:
        with get_client(sync_client=True) as client:
            for file in sorted((home.flow_runs).glob("*.json")):
                if _is_settled(client, file, ended):
                    file.unlink(missing_ok=True)
    except Exception:
        log.debug("the Prefect server was not told of killed flow runs", exc_info=True)
    return ended


def _is_settled(client: SyncPrefectClient, file: Path, ended: list[str]) -> bool:
    try:
        found = client.read_flow_run(file.stem)  # type: ignore[arg-type]
    except ObjectNotFound:  # of another server
        return True
    if found.state is None or found.state.is_final():
        return True
    process = Process(**json.loads(file.read_text(encoding="utf-8")))
    if not process.is_gone:
        return False
    said = f"process {process.pid} is gone"
    client.set_flow_run_state(found.id, Crashed(message=said), force=True)
    ended.append(file.stem)
    return True
