"""The demo: the main job on the embedded reference facts, and what to see of it afterwards."""

import time
from dataclasses import asdict
from typing import Any

from rich.console import Console

from flows import memorize
from flows.asking import ask
from flows.report import show_run
from flows.screen import show_answers
from flows.settings import Settings

QUESTIONS = (
    "Which currency code does Croatia use for its money?",
    "What is the ISO 3166-1 alpha-3 code of Bolivia?",
    "I am writing to the ministry; what is the full official name of Moldova?",
)
FOREIGN = "Who painted the ceiling of the Sistine Chapel?"
_NEXT = """Go on with:
  .venv/bin/lamini ask "What is the numeric code of Japan?"
  .venv/bin/lamini why Croatia country.currency
  .venv/bin/lamini facts --relation country.currency
  .venv/bin/lamini status
  make ui        the Prefect and MLflow pages of this run"""


def run(settings: Settings) -> dict[str, Any]:
    """Run everything on the embedded facts, show the table, ask three questions and a foreign."""
    started = time.monotonic()
    settings = settings.model_copy(update={"sources": ()})
    result = memorize.run(settings)
    show_run(result, time.monotonic() - started)
    answers = [asdict(asked) for asked in ask(settings.home, [*QUESTIONS, FOREIGN])]
    show_answers(answers)
    Console().print(_NEXT, highlight=False, markup=False)
    return {**result, "asked": answers}
