"""How runs show in Prefect's pages: names, tags, and a last state that says what happened."""

import logging
from collections.abc import Mapping
from typing import Any

from prefect.client.orchestration import get_client
from prefect.runtime import flow_run
from prefect.states import Completed

from flows.reporting.run_report import outcome

log = logging.getLogger(__name__)
_MAX_MESSAGE = 500


def name_run(mode: str, as_of: object) -> None:
    """Give the flow run that is going on its name and tags, once it is known what it does."""
    try:
        verb = {"incremental": "update to", "full": "memorize", "nothing": "nothing new"}[mode]
        tags = [*dict.fromkeys([*(flow_run.tags or []), f"mode:{mode}", f"as-of:{as_of}"])]
        with get_client(sync_client=True) as client:
            client.update_flow_run(flow_run.id, name=f"{verb} {as_of}", tags=tags)
    except Exception:
        log.warning("Prefect did not take the name of the run", exc_info=True)


def finished(result: dict[str, Any]) -> Any:
    """Return the last state of a run: completed, with what it did as its message."""
    return said(_what_it_did(result), result)


def said(message: str, data: Any) -> Any:
    """Return a completed state that says `message`; whoever calls the flow gets the data."""
    return Completed(message=message[:_MAX_MESSAGE], data=data)


def _what_it_did(result: Mapping[str, Any]) -> str:
    if not result["is_new"]:
        return f"Nothing to do: {'; '.join(result['reasons'])}"
    did = outcome(result)
    return did[0].upper() + did[1:]
