"""A server on a port of its own choice: a port that another program took first is left to it.

A port is only chosen, not held, until the server has come up. Another home may be faster, and may
be gone again when we look; so the log is asked too, and the next try is above the lost port.
"""

from collections.abc import Callable
from pathlib import Path

from flows.errors import ServiceError
from flows.servers.server import START_SECONDS, Server, drop_record, find, is_free

_PORT_TAKEN = "already in use"
"""What Prefect's program, MLflow's and uvicorn log of a port where they could not listen."""


class Started:
    """One server of a home, launched or found; `stop` ends it only if it is ours."""

    def __init__(
        self,
        name: str,
        start: Callable[[Path, int], tuple[Server, bool]],
        home: Path,
        *,
        port: int | None,
        first: int,
    ) -> None:
        """Start on `port`, or on the first free one from `first` on where none is given.

        Raises:
            ServiceError: the port that was given is taken, and not by this home's server.
        """
        self.home = home
        self.port = port
        self._start = start
        if port is not None and find(home, name) is None and not is_free(port):
            raise ServiceError(
                f"port {port} is taken, so the {name} server cannot listen there; give another, "
                f"or none, and the next free one after {first} is used"
            )
        self.server, self.is_ours = start(home, port or _free_from(first))

    def wait_ready(self, timeout_seconds: float = START_SECONDS) -> Server:
        """Wait until the server answers, if need be on another port than at first.

        Raises:
            ServiceError: it did not come up; the message has the tail of its log.
        """
        while True:
            try:
                self.server.wait_ready(timeout_seconds)
                return self.server
            except ServiceError:
                if not self._lost_its_port():
                    raise
            lost = self.server.port
            self.stop()
            self.server, self.is_ours = self._start(self.home, _free_from(lost + 1))

    def start_again(self) -> Server:
        """Start it anew where it was: the address is known to whoever uses it."""
        self.server = self._start(self.home, self.server.port)[0]
        return self.server

    def stop(self) -> None:
        """Stop the server if it is ours."""
        if self.is_ours:
            self.server.stop()
            drop_record(self.home, self.server)

    def _lost_its_port(self) -> bool:
        server = self.server
        if not self.is_ours or self.port is not None or server.is_alive:
            return False
        log = Path(server.log).read_text(encoding="utf-8", errors="replace")
        return _PORT_TAKEN in " ".join(log.split()) or not is_free(
            server.port
        )  # lines break anywhere


def _free_from(first: int) -> int:
    return next(port for port in range(first, 65536) if is_free(port))
