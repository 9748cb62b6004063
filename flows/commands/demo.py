"""The demo: the embedded reference facts as of the end of 2015 in full, then as they are now.

In the second act the same sources are asked for another day: what changed since then goes into the
model's memory, and into nothing else.
"""

import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from flows import memorize
from flows.commands.console import Console
from flows.commands.report import SecondAct, show_act, show_run
from flows.commands.screen import show_answers
from flows.configuration.settings import Settings
from flows.home.champion import read_pointer
from flows.home.home import Home
from flows.home.receipts import Trained, Updated
from flows.home.run_folder import RunFolder
from flows.reporting.run_result import RunResult
from flows.serving.asking import open_asking

FIRST_DAY = date(2015, 12, 31)
QUESTIONS = (
    "Which currency code does Croatia use for its money?",
    "What is the ISO 3166-1 alpha-3 code of Bolivia?",
    "I am writing to the ministry; what is the full official name of Moldova?",
)
FOREIGN = "Who painted the ceiling of the Sistine Chapel?"
CHANGED = "Which currency code does Croatia use for its money?"
_NEXT = """Go on with:
  .venv/bin/lamini ask "What is the numeric code of Japan?"
  .venv/bin/lamini why Croatia country.currency
  .venv/bin/lamini facts --relation country.currency
  .venv/bin/lamini status
  .venv/bin/lamini rollback      the model of 2015 answers again
  make ui        the Prefect and MLflow pages of these runs"""


def run(settings: Settings) -> dict[str, object]:
    """Run both acts on the embedded facts, show what each did, ask questions and a foreign one."""
    settings = settings.model_copy(update={"sources": ()})
    acts = {}
    if settings.as_of > FIRST_DAY and not _has_first_act(settings.home):
        acts["first"] = _act(settings.model_copy(update={"as_of": FIRST_DAY}))
    acts["second"] = _act(settings)
    changed = _second_act(settings, acts["second"])
    if changed is not None:
        show_act(changed)
    ask = open_asking(settings.home)
    answers = ask([*QUESTIONS, FOREIGN])
    show_answers(answers)
    Console().print(_NEXT, highlight=False, markup=False)
    told = {name: act.told() for name, act in acts.items()}
    return {**told["second"], "acts": told, "second_act": changed, "asked": answers}


@dataclass(frozen=True, kw_only=True)
class Act:
    """A run of the demo, and how long the whole of it took."""

    result: RunResult
    all_seconds: float

    def told(self) -> dict[str, object]:
        """Return it as programs read it."""
        return {**self.result.told(), "all_seconds": self.all_seconds}


def _act(settings: Settings) -> Act:
    started = time.monotonic()
    result = memorize.run(settings)
    seconds = time.monotonic() - started
    show_run(result, seconds)
    return Act(result=result, all_seconds=round(seconds, 1))


def _has_first_act(home: Home) -> bool:
    """Return whether the model of the first day was made before, and is not to be made again."""
    pointer = read_pointer(home)
    known = () if pointer is None else (pointer.champion, *pointer.history)
    return any(one.as_of == FIRST_DAY.isoformat() for one in known)


def _second_act(settings: Settings, act: Act) -> SecondAct | None:
    """Tell what the update did beside the full run before it; null where there was none."""
    pointer = read_pointer(settings.home)
    if pointer is None or pointer.champion.mode != "incremental" or not pointer.history:
        return None
    champion, history = pointer.champion, pointer.history
    full = next((one for one in history if one.mode == "full"), history[-1])
    trained = RunFolder(path=settings.home.run(full.run_key)).read(Trained)
    updated = act.result.receipts.updated or Updated()
    return SecondAct(
        question=CHANGED,
        before=_answer(settings.home.checkpoint(history[0].path)),
        before_as_of=history[0].as_of,
        after=_answer(settings.home.checkpoint(champion.path)),
        after_as_of=champion.as_of,
        full_training_seconds=round(trained.training_seconds if trained else 0.0, 1),
        update_seconds=updated.update_seconds,
        act_seconds=act.all_seconds if act.result.is_new else None,
        proof=act.result.measured.proof,
    )


def _answer(checkpoint: Path) -> str:
    from lamini import load

    return load(checkpoint).answer([CHANGED])[0].text
