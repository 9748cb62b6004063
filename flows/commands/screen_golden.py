"""Show people how a golden set came out."""

from dataclasses import asdict
from pathlib import Path

from rich.markup import escape

from flows.commands.console import Console
from flows.commands.screen import show_rows
from flows.promotion.golden_tally import Tally
from flows.serving.golden_answers import Golden
from flows.serving.golden_page import TITLES
from flows.serving.golden_set import MODES

_MAX_SHOWN = 10


def show_golden(found: Golden, page: Path) -> None:
    """Print the counts, what memory said wrong or refused, and the lines put aside."""
    others = [mode for mode in MODES if mode != "memory"]
    counts = []
    for kind in (None, *found.kinds):
        memory = found.tally("memory", kind)
        right = {TITLES[mode]: _right(found.tally(mode, kind)) for mode in others}
        counts.append({"memory": kind or "all", **asdict(memory), **right})
    told = ("memory", *asdict(Tally()), *(TITLES[mode] for mode in others))
    show_rows(counts, told)
    console = Console()
    missed = [one for one in found.answers if one.mode == "memory" and one.outcome != "right"]
    missed.sort(key=lambda one: one.outcome != "wrong")
    for one in missed[:_MAX_SHOWN]:
        wanted = " / ".join(one.expected) or "silence"
        console.print(f"{one.outcome}, line {one.line}: {escape(one.question)}")
        console.print(f"  wanted {escape(wanted)}: {escape(one.reason or one.said)}")
    if len(missed) > _MAX_SHOWN:
        console.print(f"and {len(missed) - _MAX_SHOWN} more on the page")
    for bad in found.given.quarantined[:_MAX_SHOWN]:
        console.print(f"put aside, line {bad.line}: {escape(bad.reason)}")
    console.print(f"every answer: {escape(str(page))}", soft_wrap=True)


def _right(found: Tally) -> str:
    return f"{found.right} right" if found.num_asked else ""
