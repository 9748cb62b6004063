"""Where text reaches the terminal: what a table, a file or an error brings is shown, never obeyed.

A terminal runs escape sequences: they rename its window, hide text, make links or type for you. So
control characters, and those that turn the direction of text, are printed as their escapes. A
reader who has seen enough (`lamini facts | head -1`) is left in silence.
"""

import logging
import os
import re
import select
import sys
import traceback
from types import TracebackType
from typing import Any

import typer

# All controls but tab and newline, the line separators, and what overrides the direction of text.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u2028-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    """Return the text with each character that a terminal obeys as its escape."""
    return _UNSEEN.sub(lambda found: ascii(found.group())[1:-1], text)


def as_json_escapes(dumped: str) -> str:
    """Return the same JSON with those characters as its escapes: programs read what was there."""
    return _UNSEEN.sub(lambda found: f"\\u{ord(found.group()):04x}", dumped)


def echo(text: object = "", *, err: bool = False, nl: bool = True) -> None:
    """Print a line, plain."""
    typer.echo(visible(str(text)), err=err, nl=nl)  # noqa: TID251


def reader_is_gone() -> bool:
    """Say whether stdout is a pipe that nobody reads any more."""
    watched = select.poll()
    watched.register(sys.stdout.fileno(), 0)
    return any(found & select.POLLERR for _, found in watched.poll(0))


def leave_reader() -> None:
    """Let what is still printed go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def flush_to_reader() -> None:
    """Print what is still held back, if somebody reads it."""
    if sys.stdout is None:  # it was closed before we began
        return
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        leave_reader()


class _VisibleRecord(logging.LogRecord):
    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        if self.exc_info:  # formatters print this text of it where there is one
            self.exc_text = visible(logging.Formatter().formatException(self.exc_info))

    def getMessage(self) -> str:  # noqa: N802 - the name is logging's
        return visible(super().getMessage())


def guard_terminal() -> None:
    """Have what this process logs, and the traceback it may end with, shown and not obeyed."""
    logging.setLogRecordFactory(_VisibleRecord)
    sys.excepthook = _show_traceback


def _show_traceback(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    sys.stderr.write(visible("".join(traceback.format_exception(kind, error, trace))))
