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
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from flows.environment import apply_environment
from flows.errors import ServiceError
from flows.servers.keep_up import KeepUp
from flows.servers.server import (
    START_SECONDS,
    Server,
    answers,
    find,
    forget,
    is_free,
    start_mlflow,
    start_prefect,
)

PREFECT_PORT = 4200  # what the tools themselves use
MLFLOW_PORT = 5000
_PORT_TAKEN = "already in use"
"""What both Prefect's program and uvicorn log of a port where they could not listen."""


class Services:
    """The Prefect server of one home for as long as the `with` lasts."""

    def __init__(self, home: Path, *, port: int | None = None) -> None:
        self.home = home
        self.port = port
        self.server: Server | None = None
        """Ours, or one found; null where PREFECT_API_URL names a server elsewhere that answers."""
        self.is_ours = False
        self._keeping: KeepUp | None = None
        self._undo_signal: Callable[[], None] = lambda: None

    @property
    def api_url(self) -> str:
        """What PREFECT_API_URL is set to."""
        return os.environ["PREFECT_API_URL"] if self.server is None else f"{self.server.url}/api"

    def start(self, *, lost: int | None = None) -> None:
        """Find or launch the server and return at once; `wait_ready` waits for it.

        On a port above the one that was `lost`, which may look free once more.
        """
        apply_environment(self.home)
        given = os.environ.get("PREFECT_API_URL")
        if given and answers(f"{given.rstrip('/')}/health"):
            return
        # Where `lamini ui` will show it too, if it can be had: links to the run stay good.
        first = PREFECT_PORT if lost is None else lost + 1
        port = self.port or next(port for port in range(first, 65536) if is_free(port))
        self.server, self.is_ours = start_prefect(self.home, port)
        os.environ["PREFECT_API_URL"] = self.api_url

    def wait_ready(self, timeout_seconds: float = START_SECONDS) -> str:
        """Wait until the server answers and give its API's address.

        Raises:
            ServiceError: it did not come up; the message has the tail of its log.
        """
        if self.server is not None:
            try:
                self.server.wait_ready(timeout_seconds)
            except ServiceError:
                if not self._lost_its_port():
                    raise
                lost = urlsplit(self.server.url).port
                self.stop()
                self.start(lost=lost)
                return self.wait_ready(timeout_seconds)
        if "prefect" in sys.modules:  # imported before the address was known
            from prefect.context import refresh_global_settings_context

            refresh_global_settings_context()
        if self.server is not None and self.is_ours and self._keeping is None:
            self._keeping = KeepUp(self.server, self._start_again)
        return self.api_url

    def answers(self) -> bool:
        """Whether the server's API can be had now."""
        return answers(f"{self.api_url.rstrip('/')}/health")

    def _start_again(self) -> Server:
        # On the same port: the address is known to whoever uses it.
        assert self.server is not None
        self.server = start_prefect(self.home, urlsplit(self.server.url).port)[0]
        return self.server

    def comes_back(self, timeout_seconds: float = START_SECONDS) -> bool:
        """Wait for a server of ours that died; false where nobody starts it again."""
        deadline = time.monotonic() + timeout_seconds
        while self._keeping is not None and time.monotonic() < deadline:
            if self.answers():
                return True
            time.sleep(0.2)
        return False

    def _lost_its_port(self) -> bool:
        # A port is only chosen, not held, until the server has come up; another home was faster,
        # and may be gone again: then the log alone tells.
        server = self.server
        if server is None or not self.is_ours or self.port is not None or server.is_alive:
            return False
        log = Path(server.log).read_text(encoding="utf-8", errors="replace")
        if _PORT_TAKEN in " ".join(log.split()):  # lines are broken anywhere
            return True
        return not is_free(int(server.url.rsplit(":", 1)[1]))

    def stop(self) -> None:
        """Stop the server if it is ours."""
        if self.server is None:
            return
        if self._keeping is not None:
            self.server, self._keeping = self._keeping.stop(), None
        if self.is_ours:
            self.server.stop()
            forget(self.home, self.server)
        if os.environ.get("PREFECT_API_URL") == self.api_url:
            del os.environ["PREFECT_API_URL"]
        self.server = None

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
    """Give both servers, answering; those that were started here are stopped at the end.

    A port that is not given is the tool's own (4200, 5000), or the next one that is free.

    Raises:
        ServiceError: one did not come up, or a port that was given is taken.
    """
    undo = exit_on_sigterm()
    started: list[tuple[Server, bool]] = []
    try:
        started.append(start_prefect(home, _port(home, "prefect", prefect_port, PREFECT_PORT)))
        started.append(start_mlflow(home, _port(home, "mlflow", mlflow_port, MLFLOW_PORT)))
        for server, _ in started:
            server.wait_ready()
        yield [server for server, _ in started]
    finally:
        try:
            for server, is_ours in started:
                if is_ours:
                    server.stop()
                    forget(home, server)
        finally:
            undo()


def attach(home: Path) -> bool:
    """Point PREFECT_API_URL at a server that already answers; false where there is none."""
    apply_environment(home)
    server = find(home, "prefect")
    if "PREFECT_API_URL" not in os.environ and server is not None:
        os.environ["PREFECT_API_URL"] = f"{server.url}/api"
    url = os.environ.get("PREFECT_API_URL")
    return bool(url and answers(f"{url.rstrip('/')}/health"))


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


def _port(home: Path, name: str, given: int | None, default: int) -> int:
    if given is None:
        return next(port for port in range(default, 65536) if is_free(port))
    if find(home, name) is None and not is_free(given):
        raise ServiceError(
            f"port {given} is taken, so the {name} server cannot listen there; give another, "
            f"or none, and the next free one after {default} is used"
        )
    return given
