"""The servers of one home, as child processes on loopback: Prefect for runs, MLflow to look at.

A run starts a Prefect server early, goes on importing, and waits for it only when it needs it:

    with Services(home) as services:
        ...                               # slow imports meanwhile
        services.wait_ready()             # PREFECT_API_URL answers from here on

It uses a server that already answers, and stops only one that it started, or one whose owner died.
One of its own that dies is started again.
A run itself logs straight to MLflow's database; the MLflow server is there for people (`open_ui`).
"""

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, ClassVar, Self

from flows.environment import apply_environment
from flows.errors import ServiceError
from flows.servers.auth_string import basic
from flows.servers.keep_up import KeepUp
from flows.servers.server import (
    START_SECONDS,
    Server,
    find,
    start_mlflow,
    start_prefect,
    status,
)
from flows.servers.started import Started

PREFECT_PORT = 4200  # what the tools themselves use
MLFLOW_PORT = 5000
_ADDRESS = (
    "PREFECT_API_URL",
    "PREFECT_API_AUTH_STRING",
    "PREFECT_UI_URL",
    "PREFECT_CLIENT_CUSTOM_HEADERS",
)


class Services:
    """The Prefect server of one home for as long as the `with` lasts.

    Within another `with` of the same home, in the same process, it is the outer one's.
    """

    _open: ClassVar[dict[Path, "Services"]] = {}
    """Those of this process that found or started a server, by home."""

    def __init__(self, home: Path, *, port: int | None = None) -> None:
        self.home = home
        self.port = port
        self.started: Started | None = None
        """Null where PREFECT_API_URL names a server elsewhere that answers."""
        self._outer: Services | None = None
        self._keeping: KeepUp | None = None
        self._before: dict[str, str] = {}
        self._undo_signal: Callable[[], None] = lambda: None

    @property
    def api_url(self) -> str:
        """What PREFECT_API_URL is set to."""
        if self._outer is not None:
            return self._outer.api_url
        if self.started is None:
            return os.environ["PREFECT_API_URL"]
        return f"{self.started.server.url}/api"

    def start(self) -> None:
        """Find or launch the server and return at once; `wait_ready` waits for it."""
        apply_environment(self.home)
        self._outer = self._open.get(self.home)
        if self._outer is not None:
            return
        if _is_given(self.home):
            if secret := os.environ.get("PREFECT_API_AUTH_STRING"):  # it may be another home's
                os.environ.setdefault("PREFECT_CLIENT_CUSTOM_HEADERS", _in_handshakes(secret))
            return
        # Where `lamini ui` will show it too, if it can be had: links to the run stay good.
        self.started = Started(
            "prefect", start_prefect, self.home, port=self.port, first=PREFECT_PORT
        )
        self._open[self.home] = self
        self._before = {name: os.environ[name] for name in _ADDRESS if name in os.environ}
        _point_at(self.started.server)

    def wait_ready(self, timeout_seconds: float = START_SECONDS) -> str:
        """Wait until the server answers and give its API's address.

        Raises:
            ServiceError: it did not come up; the message has the tail of its log.
        """
        if self._outer is not None:
            return self._outer.wait_ready(timeout_seconds)
        if self.started is not None:
            _point_at(self.started.wait_ready(timeout_seconds))
        _tell_prefect()
        if self.started is not None and self.started.is_ours and self._keeping is None:
            self._keeping = KeepUp(self.started.server, self.started.start_again)
        return self.api_url

    def answers(self) -> bool:
        """Whether the server's API can be had now."""
        if self._outer is not None:
            return self._outer.answers()
        if self.started is None:
            return _status(self.api_url) == HTTPStatus.OK
        server = find(self.home, "prefect")  # another process may have started it again
        return server is not None and server.answers()

    def comes_back(self, timeout_seconds: float = START_SECONDS) -> bool:
        """Wait for a server of ours that died; false where nobody starts it again."""
        if self._outer is not None:
            return self._outer.comes_back(timeout_seconds)
        deadline = time.monotonic() + timeout_seconds
        while self._keeping is not None and time.monotonic() < deadline:
            if self.answers():
                return True
            time.sleep(0.2)
        return False

    def stop(self) -> None:
        """Stop the server if it is ours."""
        if self.started is None:
            return
        del self._open[self.home]
        if self._keeping is not None:
            self._keeping.stop()
            self._keeping = None
        self.started.stop()
        if os.environ.get("PREFECT_API_URL") == self.api_url:
            for name in _ADDRESS:
                os.environ.pop(name, None)
            os.environ.update(self._before)
            _tell_prefect()
        self.started = None

    def __enter__(self) -> Self:
        self._undo_signal = exit_on_sigterm()
        try:
            self.start()
        except BaseException:
            self.stop()
            self._undo_signal()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.stop()
        finally:
            self._undo_signal()


@contextlib.contextmanager
def open_ui(
    home: Path, *, prefect_port: int | None = None, mlflow_port: int | None = None
) -> Iterator[list[Server]]:
    """Return both servers, answering; those that were started here are stopped at the end.

    A port that is not given is the tool's own (4200, 5000), or the next one that is free.

    Raises:
        ServiceError: one did not come up, or a port that was given is taken.
    """
    undo = exit_on_sigterm()
    started: list[Started] = []
    try:
        for name, start, port, first in (
            ("prefect", start_prefect, prefect_port, PREFECT_PORT),
            ("mlflow", start_mlflow, mlflow_port, MLFLOW_PORT),
        ):
            started.append(Started(name, start, home, port=port, first=first))
        yield [one.wait_ready() for one in started]
    finally:
        try:
            for one in started:
                one.stop()
        finally:
            undo()


def attach(home: Path) -> bool:
    """Point Prefect at a server that already answers; false where there is none."""
    apply_environment(home)
    server = find(home, "prefect")
    given = os.environ.get("PREFECT_API_URL")
    if server is None or given not in (None, f"{server.url}/api"):
        return bool(given and _status(given) == HTTPStatus.OK)
    _point_at(server)
    return server.answers()


def _is_given(home: Path) -> bool:
    """Whether the environment names a server that answers and is not this home's own.

    Raises:
        ServiceError: it asks for a password, and not for the one that the environment holds.
    """
    given, own = os.environ.get("PREFECT_API_URL"), find(home, "prefect")
    if not given or (own is not None and given == f"{own.url}/api"):
        return False
    found = _status(given)
    if found in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise ServiceError(
            f"the Prefect server {given} (PREFECT_API_URL) lets us in only with its password: set "
            "PREFECT_API_AUTH_STRING (of another home: what is in its services/auth_string), or "
            "unset PREFECT_API_URL, and the home's own is used"
        )
    return found == HTTPStatus.OK


def _status(api_url: str) -> int | None:
    return status(f"{api_url.rstrip('/')}/health", os.environ.get("PREFECT_API_AUTH_STRING", ""))


def _point_at(server: Server) -> None:
    os.environ["PREFECT_API_URL"] = f"{server.url}/api"
    os.environ["PREFECT_API_AUTH_STRING"] = server.auth_string
    os.environ["PREFECT_UI_URL"] = server.page
    os.environ["PREFECT_CLIENT_CUSTOM_HEADERS"] = _in_handshakes(server.auth_string)


def _tell_prefect() -> None:
    """Have Prefect read the environment again, if it was imported with another one."""
    if "prefect" in sys.modules:
        from prefect.context import refresh_global_settings_context

        refresh_global_settings_context()


def _in_handshakes(secret: str) -> str:
    """Return what has Prefect's clients show the secret where a guard looks for it.

    By themselves they show it in the first message of a web socket that was let in already.
    """
    return json.dumps({"Authorization": basic(secret)})


def exit_on_sigterm() -> Callable[[], None]:
    """Make SIGTERM unwind the stack, so that `finally` stops the servers; gives what undoes it."""

    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    try:
        before = signal.signal(signal.SIGTERM, leave)
    except ValueError:  # not the main thread: signals are its caller's business
        return lambda: None
    return lambda: _restore(before)


def _restore(handler: Any) -> None:
    signal.signal(signal.SIGTERM, handler)
