"""Start a server again whenever its process is gone, for as long as somebody needs it."""

import logging
import threading
import time
from collections.abc import Callable

from flows.servers.server import Server

_LOOK_SECONDS = 0.5
MAX_RESTARTS = 5
"""In a row; a server that dies at once each time is left to whoever reads its log."""
STABLE_SECONDS = 300.0
"""A server that was up for so long had come up well: the count begins anew."""
log = logging.getLogger(__name__)


class KeepUp:
    """Watches one server from a thread; clients that repeat their requests notice no more of it."""

    def __init__(self, server: Server, start_again: Callable[[], Server]) -> None:
        self.server = server
        self.start_again = start_again
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop watching."""
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        restarts, started = 0, time.monotonic()
        while restarts < MAX_RESTARTS and not self._stop.wait(_LOOK_SECONDS):
            if self.server.is_alive:
                continue
            if time.monotonic() - started >= STABLE_SECONDS:
                restarts = 0
            restarts, started = restarts + 1, time.monotonic()
            log.warning("the %s server ended; starting it again", self.server.name)
            try:
                self.server = self.start_again()
            except Exception:  # whoever needs it will say so
                log.warning("the %s server did not start", self.server.name, exc_info=True)
