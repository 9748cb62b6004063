"""How runs show in Prefect's pages: names, tags, and a last state that says what happened."""

import logging
from typing import Any

from prefect.client.orchestration import get_client
from prefect.runtime import flow_run
from prefect.states import Completed

log = logging.getLogger(__name__)
_MAX_MESSAGE = 500


def name_run(mode: str, as_of: object) -> None:
    """Return the flow run that is going on its name and tags, once it is known what it does."""
    try:
        verb = {"incremental": "update to", "full": "memorize", "nothing": "nothing new"}[mode]
        tags = [*dict.fromkeys([*(flow_run.tags or []), f"mode:{mode}", f"as-of:{as_of}"])]
        with get_client(sync_client=True) as client:
            client.update_flow_run(flow_run.id, name=f"{verb} {as_of}", tags=tags)
    except Exception:
        log.warning("Prefect did not take the name of the run", exc_info=True)


def said(message: str, data: Any) -> Any:
    """Return a completed state that says `message`; whoever calls the flow gets the data."""
    return Completed(message=message[:_MAX_MESSAGE], data=data)
