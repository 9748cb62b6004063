"""A server as a child process on loopback: launched once for a home, recorded, found, stopped.

The record in HOME/services names the very process and who must stop it, so that a second program
uses the same server, and one whose owner was killed is taken over by the next.
"""

import contextlib
import fcntl
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path

import psutil

from flows.environment import environment
from flows.errors import ServiceError
from flows.home.processes import is_process, this_process
from flows.servers.auth_string import auth_file, auth_string, basic
from flows.servers.database_file import expect_readable
from flows.servers.mlflow_database import make_database
from flows.servers.passes import host_name, let_in_link
from flows.servers.processes import family, kill, listens, tail
from warehouse.durable import write_json

HOST = "127.0.0.1"
START_SECONDS = 180.0  # 5 to 13 s were measured on two idle cores
STOP_SECONDS = 15.0
# MLflow opens with pages on traces of agents, which are empty here.
_FIRST_PAGES = {"mlflow": "/#/experiments?workflowType=machine_learning"}


@dataclass(frozen=True, kw_only=True)
class Server:
    """A running server, as recorded in home/services/<name>.json."""

    name: str
    url: str
    """Its address, for programs."""
    health: str
    """Answers 200 when the server is up."""
    pid: int
    pid_created: float
    """When the process began: a later process may get the same number."""
    owner_pid: int
    owner_created: float
    log: str
    auth_file: str = ""
    """Where the secret lies that it asks for; empty: made by a version that asked for none."""
    launch: str = ""
    """Random, of this start of it, for which links are made; empty as above."""

    @property
    def auth_string(self) -> str:
        """What it must be sent."""
        return Path(self.auth_file).read_text(encoding="ascii").strip()

    @property
    def page(self) -> str:
        """Its first page, for a browser that a `link` has let in."""
        return f"http://{host_name(self.auth_string)}:{self.port}"

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rpartition(":")[2])

    def link(self) -> str:
        """Return an address that lets one browser into all servers of the home, once and soon."""
        first = _FIRST_PAGES.get(self.name, "/")
        return let_in_link(self.auth_string, self.port, self.launch, first)

    @property
    def is_alive(self) -> bool:
        """The very process that was started still runs."""
        return is_process(self.pid, self.pid_created)

    @property
    def is_orphan(self) -> bool:
        """Whoever should stop it is gone."""
        return not is_process(self.owner_pid, self.owner_created)

    def answers(self) -> bool:
        """Whether it can be used now; a stranger on the same port is told nothing."""
        if not listens(self.pid, self.port):
            return False
        try:
            return answers(self.health, self.auth_string)
        except OSError:  # the secret is gone
            return False

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
    """Return `home`'s Prefect server, launched if there is none, and whether we must stop it."""

    def variables(free: int) -> dict[str, str]:
        return {
            "PREFECT_SERVER_API_HOST": HOST,
            "PREFECT_SERVER_API_PORT": str(free),
            # With the port alone the pages still call port 4200.
            "PREFECT_SERVER_UI_API_URL": "/api",
            "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": page(home, free),
            "PREFECT_SERVER_API_AUTH_STRING": auth_string(home),
        }

    expect_readable(home / "prefect" / "prefect.db")
    return _start("prefect", home, port, "/api/health", variables)


def start_mlflow(home: Path, port: int | None = None) -> tuple[Server, bool]:
    """Return `home`'s MLflow server, launched if there is none, and whether we must stop it."""

    def variables(free: int) -> dict[str, str]:
        # Without it seven job runners start too, 0.9 GB in all.
        return {
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "MLFLOW_SERVER_ALLOWED_HOSTS": f"{HOST}:{free},{page(home, free).partition('//')[2]}",
            "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": page(home, free),
        }

    make_database(home)
    return _start("mlflow", home, port, "/health", variables)


def page(home: Path, port: int) -> str:
    """Return the first page of a server of `home` on `port`, as a browser is to open it."""
    return f"http://{host_name(auth_string(home))}:{port}"


def find(home: Path, name: str) -> Server | None:
    """Return the recorded server `name` of `home` if its process runs and asks for the secret."""
    server = _recorded(home, name)
    return server if server is not None and server.auth_file else None


def _recorded(home: Path, name: str) -> Server | None:
    try:
        server = Server(**json.loads(_record(home, name).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    # A home that was copied has the records of the other one's servers.
    is_own = server.auth_file in ("", str(auth_file(home)))
    return server if is_own and server.is_alive else None


def answers(url: str, secret: str = "") -> bool:
    """Whether a GET of `url` with that secret succeeds, no proxy asked."""
    return status(url, secret) == HTTPStatus.OK


def status(url: str, secret: str = "") -> int | None:
    """Return the status of the answer to a GET of `url`, or nothing where none answers."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        asked = urllib.request.Request(url)
        if secret:
            asked.add_unredirected_header("Authorization", basic(secret))
        with opener.open(asked, timeout=5) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except (OSError, ValueError, HTTPException):
        # No HTTP at all: on loopback a connection to a port where nobody listens may meet itself.
        return None


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
    variables: Callable[[int], Mapping[str, str]],
) -> tuple[Server, bool]:
    record, owner = _record(home, name), this_process()
    record.parent.mkdir(parents=True, exist_ok=True)
    with record.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two starters: the second finds the first one's record
        found = _recorded(home, name)
        if found is not None and not found.is_orphan:
            if not found.auth_file:
                raise ServiceError(
                    f"the {name} server at {found.url} (process {found.pid}) is of an older "
                    "version, and lets in every web page: end what started it, process "
                    f"{found.owner_pid}, then try again"
                )
            return found, False
        if found is not None and found.auth_file and found.answers():
            adopted = replace(found, owner_pid=owner.pid, owner_created=owner.pid_created)
            write_json(asdict(adopted), record)
            return adopted, True
        if found is not None:
            found.stop()
        chosen = port or _any_port()
        log = home / "logs" / f"{name}.log"
        auth_string(home)
        launch = secrets.token_hex(8)
        words = [name, str(home), str(chosen), launch]
        process = _launch(words, variables(chosen), home, log)
        url = f"http://{HOST}:{chosen}"
        server = Server(
            name=name,
            url=url,
            health=url + health,
            pid=process.pid,
            pid_created=process.create_time(),
            log=str(log),
            auth_file=str(auth_file(home)),
            launch=launch,
            owner_pid=owner.pid,
            owner_created=owner.pid_created,
        )
        write_json(asdict(server), record)
        return server, True


def _launch(words: list[str], variables: Mapping[str, str], home: Path, log: Path) -> psutil.Popen:
    log.parent.mkdir(parents=True, exist_ok=True)
    env = {**os.environ, **environment(home), **variables}
    for name in ("PREFECT_API_URL", "PREFECT_UI_URL"):  # of another server
        env.pop(name, None)
    # In a session of its own: a Ctrl-C reaches us alone, and we stop it in order.
    with log.open("w") as out:
        return psutil.Popen(
            [sys.executable, "-m", "flows.servers.guarded", *words],
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


def _record(home: Path, name: str) -> Path:
    return home / "services" / f"{name}.json"


def drop_record(home: Path, server: Server) -> None:
    """Remove the record of a server that was stopped."""
    _record(home, server.name).unlink(missing_ok=True)
