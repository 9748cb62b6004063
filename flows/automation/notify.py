"""Tell people that the gate failed or a run crashed: a command, a webhook, or both.

    [notify]
    command = "mail -s lamini ops@example.org"   # gets the JSON on stdin
    webhook_url_env = "OPS_WEBHOOK"              # the variable that holds the URL: it is a secret

Nothing that goes wrong here fails the run: it is logged.
"""

import json
import logging
import os
import shlex
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flows.configuration.notify import Notify
from flows.configuration.settings import load_settings
from flows.errors import GateError
from flows.home.home import Home
from flows.home.receipts import Miss, Notified
from flows.home.run_folder import RunFolder

GATE_FAILED, RUN_FAILED, RECALL_FELL = "gate_failed", "run_failed", "recall_fell"
MAX_FAILURES = 20
"""Failed facts named in one notification."""
log = logging.getLogger(__name__)


def notify(given: Notify, event: str, home: Home, facts: Mapping[str, Any]) -> list[str]:
    """Tell everybody whom the settings name; give the ways that worked."""
    text = json.dumps({"event": event, "home": str(home), **facts}, default=str)
    ways = {"command": _run_command, "webhook": _post}
    return [way for way, tell in ways.items() if _tried(way, tell, given, text)]


def _tried(way: str, tell: Any, given: Notify, text: str) -> bool:
    try:
        return bool(tell(given, text))
    except Exception as error:  # noqa: BLE001 - the run matters more than the message about it
        # The error's own text may hold the URL.
        log.warning("the notification by %s failed: %s", way, _harmless(error))
        return False


def _harmless(error: Exception) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        return f"exit code {error.returncode}: {error.stderr.decode(errors='replace')[-300:]}"
    return type(error).__name__


def _run_command(given: Notify, text: str) -> bool:
    if not given.command:
        return False
    subprocess.run(
        shlex.split(given.command),
        input=text.encode(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        timeout=given.timeout_seconds,
        check=True,
    )
    return True


def _post(given: Notify, text: str) -> bool:
    if not given.webhook_url_env:
        return False
    url = os.environ.get(given.webhook_url_env, "")
    if urlsplit(url).scheme not in ("http", "https"):
        log.warning("%s holds no http(s) URL: nobody was told", given.webhook_url_env)
        return False
    request = urllib.request.Request(
        url, data=text.encode(), headers={"Content-Type": "application/json"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=given.timeout_seconds):
        return True


def tell_of_gate(
    given: Notify, home: Home, run: RunFolder, why: str, failures: Sequence[Miss]
) -> None:
    """Tell once of a candidate that failed; the same verdict again tells nobody."""
    known = run.read(Notified)
    if known is not None and known.why == why:
        return
    named = [failure.told() for failure in failures[:MAX_FAILURES]]
    facts = {"run_key": run.run_key, "why": why, "failures": named}
    ways = notify(given, GATE_FAILED, home, facts)
    if ways:
        run.leave(Notified.model_validate({"why": why, "ways": ways}))


@contextmanager
def telling_of_crash(given: Notify, home: Home) -> Iterator[None]:
    """Tell of what ends the block, but for a failed gate, which was told of, and an interrupt."""
    try:
        yield
    except (GateError, KeyboardInterrupt):
        raise
    except BaseException as error:
        notify(given, RUN_FAILED, home, {"why": f"{type(error).__name__}: {error}"})
        raise


def tell_of_run(flow: Any, flow_run: Any, state: Any) -> None:
    """Tell of a served run that failed or whose process died: a hook of Prefect's."""
    if "GateError" in (state.message or ""):
        return
    settings = load_settings({"home": Path(flow_run.parameters["home"])})
    facts = {"flow_run": flow_run.name, "state": state.name, "why": state.message}
    notify(settings.notify, RUN_FAILED, settings.home, facts)
