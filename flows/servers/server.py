"""A server as a child process on loopback: launched once for a home, recorded, found, stopped.

The record in HOME/services names the very process and who must stop it, so that a second program
uses the same server, and one whose owner was killed is taken over by the next.
"""

import contextlib
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

from flows.environment import environment, mlflow_artifacts, mlflow_uri
from flows.errors import ServiceError
from flows.home.processes import is_process
from flows.servers.mlflow_database import make_database
from flows.servers.processes import family, kill, listens, tail

HOST = "127.0.0.1"
START_SECONDS = 180.0  # 5 to 13 s were measured on two idle cores
STOP_SECONDS = 15.0


@dataclass(frozen=True, kw_only=True)
class Server:
    """A running server, as recorded in home/services/<name>.json."""

    name: str
    url: str
    """What a browser opens."""
    health: str
    """Answers 200 when the server is up."""
    pid: int
    pid_created: float
    """When the process began: a later process may get the same number."""
    owner_pid: int
    owner_created: float
    log: str

    @property
    def is_alive(self) -> bool:
        """The very process that was started still runs."""
        return is_process(self.pid, self.pid_created)

    @property
    def is_orphan(self) -> bool:
        """Whoever should stop it is gone."""
        return not is_process(self.owner_pid, self.owner_created)

    def answers(self) -> bool:
        """Whether it can be used now; a stranger's answer on the same port does not count."""
        port = urlsplit(self.url).port
        return port is not None and answers(self.health) and listens(self.pid, port)

    def wait_ready(self, timeout_seconds: float = START_SECONDS) -> None:
        """Wait until it answers.

        Raises:
            ServiceError: it ended or took too long; the message has the tail of its log.
        """
        deadline = time.monotonic() + timeout_seconds
        while not self.answers():
            why = "" if self.is_alive else "it ended"
            if time.monotonic() > deadline:
                why = f"no answer at {self.health} within {timeout_seconds:.0f} s"
            if why:
                raise ServiceError(
                    f"the {self.name} server did not come up: {why}; the end of {self.log}:\n"
                    + tail(Path(self.log))
                )
            time.sleep(0.1)

    def stop(self) -> None:
        """End it and everything it started; a second interrupt kills at once."""
        if not self.is_alive:
            return
        processes = family(self.pid)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)
        try:
            _, left = psutil.wait_procs(processes, timeout=STOP_SECONDS)
        except BaseException:
            kill(processes)
            raise
        kill(left)


def start_prefect(home: Path, port: int | None = None) -> tuple[Server, bool]:
    """Give the Prefect server of `home`, launched if there is none, and whether we must stop it."""

    def command(free: int) -> list[str]:
        return ["prefect", "server", "start", "--host", HOST, "--port", str(free)]

    def variables(free: int) -> dict[str, str]:
        # With --port alone the pages still call port 4200.
        return {
            "PREFECT_SERVER_API_HOST": HOST,
            "PREFECT_SERVER_API_PORT": str(free),
            "PREFECT_SERVER_UI_API_URL": f"http://{HOST}:{free}/api",
        }

    return _start("prefect", home, port, "/api/health", command, variables)


def start_mlflow(home: Path, port: int | None = None) -> tuple[Server, bool]:
    """Give the MLflow server of `home`, launched if there is none, and whether we must stop it."""

    def command(free: int) -> list[str]:
        return [
            *("mlflow", "server", "--host", HOST, "--port", str(free), "--workers", "1"),
            *("--backend-store-uri", mlflow_uri(home)),
            *("--default-artifact-root", mlflow_artifacts(home)),
        ]

    def variables(free: int) -> dict[str, str]:
        # Without it seven job runners start too, 0.9 GB in all.
        return {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}

    make_database(home)
    return _start("mlflow", home, port, "/health", command, variables)


def find(home: Path, name: str) -> Server | None:
    """Give the recorded server `name` of `home` if its process still runs."""
    try:
        server = Server(**json.loads(_record(home, name).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return server if server.is_alive else None


def answers(url: str) -> bool:
    """Whether a GET of `url` succeeds, no proxy asked."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=5) as reply:
            return bool(reply.status == 200)
    except (OSError, ValueError, HTTPException):
        # No HTTP at all: on loopback a connection to a port where nobody listens may meet itself.
        return False


def is_free(port: int) -> bool:
    """Whether a server could listen on `port` of loopback."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _start(
    name: str,
    home: Path,
    port: int | None,
    health: str,
    command: Callable[[int], list[str]],
    variables: Callable[[int], Mapping[str, str]],
) -> tuple[Server, bool]:
    record = _record(home, name)
    record.parent.mkdir(parents=True, exist_ok=True)
    with record.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two starters: the second finds the first one's record
        found = find(home, name)
        if found is not None and not found.is_orphan:
            return found, False
        if found is not None and found.answers():
            adopted = Server(**{**asdict(found), **_owner()})
            _write(record, adopted)
            return adopted, True
        if found is not None:
            found.stop()
        chosen = port or _any_port()
        log = home / "logs" / f"{name}.log"
        process = _launch(command(chosen), variables(chosen), home, log)
        url = f"http://{HOST}:{chosen}"
        server = Server(
            name=name,
            url=url,
            health=url + health,
            pid=process.pid,
            pid_created=process.create_time(),
            log=str(log),
            **_owner(),
        )
        _write(record, server)
        return server, True


def _launch(
    command: list[str], variables: Mapping[str, str], home: Path, log: Path
) -> psutil.Popen:
    log.parent.mkdir(parents=True, exist_ok=True)
    env = {**os.environ, **environment(home), **variables}
    env.pop("PREFECT_API_URL", None)
    # In a session of its own: a Ctrl-C reaches us alone, and we stop it in order.
    with log.open("w") as out:
        return psutil.Popen(
            [sys.executable, "-m", *command],
            cwd=home,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _any_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _owner() -> dict[str, Any]:
    return {"owner_pid": os.getpid(), "owner_created": psutil.Process().create_time()}


def _record(home: Path, name: str) -> Path:
    return home / "services" / f"{name}.json"


def _write(record: Path, server: Server) -> None:
    part = record.with_suffix(".part")
    part.write_text(json.dumps(asdict(server), indent=2) + "\n", encoding="utf-8")
    part.replace(record)


def forget(home: Path, server: Server) -> None:
    """Remove the record of a server that was stopped."""
    _record(home, server.name).unlink(missing_ok=True)
