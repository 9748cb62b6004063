"""Render chat templates in a process of its own, which the system ends at its bounds.

    python -m lamini.backbone.template_process < a JSON object a line > a JSON object a line

A template is somebody else's program. Jinja's sandbox keeps it from reaching anything, but nothing
within a process bounds one operation alone: a power with ten billion digits, a text of as many
letters. One process renders for as long as all goes well: starting it takes a second.
"""

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_MOST_MIB = 512
"""What rendering one prompt may need besides what the process has."""


class TemplateProcess:
    """Renders one prompt at a time, in a process that is started when it is first needed."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._owner = 0
        self._lock = threading.Lock()

    def render(
        self,
        template: str,
        messages: Sequence[Mapping[str, str]],
        special_tokens: Mapping[str, Any],
        *,
        seconds: float,
        most_characters: int,
    ) -> str:
        """Return the text, made within so many seconds of processor time.

        Raises:
            TimeoutError: it takes longer.
            MemoryError: it takes more room than a prompt may.
            ValueError: the template fails; the message says how.
        """
        asked = {
            "template": template,
            "messages": [dict(message) for message in messages],
            "special_tokens": dict(special_tokens),
            "seconds": seconds,
            "most_characters": most_characters,
        }
        with self._lock:
            process = self._running()
            with contextlib.suppress(BrokenPipeError):  # it has ended: then it says nothing
                process.stdin.write(json.dumps(asked) + "\n")  # type: ignore[union-attr]
                process.stdin.flush()  # type: ignore[union-attr]
            line = process.stdout.readline()  # type: ignore[union-attr]
            if not line:
                self._process = None
                code = process.wait()
        if not line and code == -signal.SIGPROF:
            raise TimeoutError(f"it takes longer than {seconds:g} s over one prompt")
        if not line and code in (-signal.SIGABRT, -signal.SIGKILL):
            raise MemoryError("it takes more room than any prompt needs")
        if not line:
            raise ValueError(f"the process that renders it ended with {code}")
        told: dict[str, str] = json.loads(line)
        if "text" not in told:
            raise ValueError(told["error"])
        return told["text"]

    def _running(self) -> "subprocess.Popen[str]":
        if self._process is None or self._owner != os.getpid() or self._process.poll() is not None:
            self._owner = os.getpid()
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                encoding="utf-8",
            )
        return self._process


def _rendered(asked: dict[str, Any]) -> dict[str, str]:
    from transformers.utils.chat_template_utils import render_jinja_template

    try:
        (text,), _ = render_jinja_template(
            conversations=[asked["messages"]],
            chat_template=asked["template"],
            add_generation_prompt=True,
            **asked["special_tokens"],
        )
    except Exception as error:  # noqa: BLE001 - of whatever kind: it is the template's
        return {"error": f"{type(error).__name__}: {error}"[:1000]}
    if len(text) > asked["most_characters"]:
        return {"error": f"it makes more than {asked['most_characters']} characters of a prompt"}
    return {"text": text}


def _give_no_more(mib: int) -> None:
    statm = Path("/proc/self/statm")
    if statm.exists():
        most = int(statm.read_text().split()[5]) * resource.getpagesize() + (mib << 20)
        allowed = resource.getrlimit(resource.RLIMIT_DATA)[1]
        if allowed == resource.RLIM_INFINITY or most < allowed:
            resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who asks is interrupted, and closes the pipe
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGPROF])
    nothing = {"messages": [], "template": "", "special_tokens": {}, "most_characters": 0}
    _rendered(nothing)  # what is imported, is now
    _give_no_more(_MOST_MIB)
    for line in sys.stdin:
        asked = json.loads(line)
        signal.setitimer(signal.ITIMER_PROF, asked["seconds"])
        said = json.dumps(_rendered(asked))
        signal.setitimer(signal.ITIMER_PROF, 0)
        sys.stdout.write(said + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _main()
