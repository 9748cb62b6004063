"""Read a golden set: questions with the answers that are wanted, a JSON object a line.

    {"question": "Which money do I need in Lima?", "expected": "PEN", "kind": "indirect"}

`expected` is a text, a list of texts that are equally right, or null where silence is right. `kind`
groups questions in what is counted. `mode` asks a question in one way only (MODES).
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from flows.errors import SettingsError
from warehouse.nearest import hint

Mode = Literal["model", "memory", "rows"]
"""The backbone alone, memory, and the backbone with the nearest rows in its prompt."""
MODES: tuple[Mode, ...] = get_args(Mode)
_FIELDS = ("question", "expected", "kind", "mode")
_SHOWN = 200
_HALF = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, kw_only=True)
class GoldenQuestion:
    """One question, and what is right."""

    line: int
    question: str
    expected: tuple[str, ...]
    """Texts of which each is right; none where silence is."""
    kind: str
    modes: tuple[Mode, ...]


@dataclass(frozen=True, kw_only=True)
class BadLine:
    """A line that is no question, and why."""

    line: int
    text: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class GoldenSet:
    """What a file holds."""

    path: Path
    questions: tuple[GoldenQuestion, ...]
    quarantined: tuple[BadLine, ...]


def read_golden(path: Path) -> GoldenSet:
    """Read a file; a bad line is put aside with its reason, all others are taken.

    Raises:
        SettingsError: it cannot be read, or no line is a question.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise SettingsError(f"the golden set {path} cannot be read: {error.strerror}") from error
    questions: list[GoldenQuestion] = []
    bad: list[BadLine] = []
    for number, raw in enumerate(lines, start=1):
        if not raw.strip():
            continue
        found = _read_line(number, raw)
        if isinstance(found, str):
            text = raw.decode("utf-8", "replace")[:_SHOWN]
            bad.append(BadLine(line=number, text=text, reason=found))
        else:
            questions.append(found)
    if not questions:
        why = f"line {bad[0].line}: {bad[0].reason}" if bad else "it is empty"
        raise SettingsError(f"the golden set {path} holds no question; {why}")
    return GoldenSet(path=path, questions=tuple(questions), quarantined=tuple(bad))


def _read_line(number: int, raw: bytes) -> GoldenQuestion | str:
    """Return the question of a line, or why it is none."""
    try:
        given: Any = json.loads(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        return f"not UTF-8: {error.reason}"
    except (ValueError, RecursionError) as error:
        return f"not JSON: {error}"
    if not isinstance(given, dict):
        return 'not an object such as {"question": "...", "expected": "..."}'
    for name in given:
        if name not in _FIELDS:
            return f"unknown field {name!r}{hint(name, _FIELDS, what='known')}"
    if not _is_text(given.get("question")):
        return "question must be a text that is not empty"
    if "expected" not in given:
        return "expected is missing; null where silence is right"
    expected = given["expected"]
    wanted = [] if expected is None else [expected] if isinstance(expected, str) else expected
    if not isinstance(wanted, list) or not all(map(_is_text, wanted)):
        return "expected must be a text, a list of texts, or null"
    kind = given.get("kind", "questions")
    if not _is_text(kind):
        return "kind must be a text that is not empty"
    mode = given.get("mode")
    if mode is not None and mode not in MODES:
        return f"mode = {mode!r} must be one of {', '.join(MODES)}"
    return GoldenQuestion(
        line=number,
        question=given["question"],
        expected=tuple(wanted),
        kind=kind,
        modes=MODES if mode is None else (mode,),
    )


def _is_text(value: object) -> bool:
    # Half of a surrogate pair, which JSON may hold, is no text that a model can be asked.
    return isinstance(value, str) and bool(value.strip()) and not _HALF.search(value)
