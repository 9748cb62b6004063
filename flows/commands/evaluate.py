"""The command that measures in words of the user's own: eval."""

import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.program import Json, app, given_settings, prepare, print_json

if TYPE_CHECKING:
    from flows.home.home import Home
    from flows.serving.golden_answers import Golden


@app.command("eval")
def evaluate(
    golden: Annotated[
        Path, typer.Argument(metavar="GOLDEN.jsonl", help="A line each: question, expected, kind.")
    ],
    as_json: Json = False,
) -> None:
    """Put questions with known answers to the model alone, to memory, and with rows beside them."""
    settings = given_settings()
    prepare(settings.home)
    from flows.home.champion import promoted
    from flows.serving.golden_answers import ask_golden
    from flows.serving.golden_page import PAGE, write_golden_page
    from flows.serving.golden_set import read_golden
    from warehouse.snapshots import head

    given = read_golden(golden)
    champion = promoted(settings.home).champion
    snapshot = head(settings.home.warehouse)
    from lamini import load

    found = ask_golden(load(settings.home.checkpoint(champion.path)), snapshot, given)
    folder = settings.home.measured / f"{champion.run_key}-{_name(golden)}"
    page = folder / PAGE
    write_golden_page(found, champion.run_key, page)
    _record(settings.home, champion.run_key, found, folder)
    if as_json:
        return print_json({**_told(found), "run_key": champion.run_key, "page": str(page)})
    from flows.commands.screen_golden import show_golden

    show_golden(found, page)


def _name(golden: Path) -> str:
    return re.sub(r"[^A-Za-z0-9-]", "-", golden.stem)


def _told(found: "Golden") -> dict[str, object]:
    from flows.serving.golden_set import MODES

    return {
        "golden": str(found.given.path),
        "num_questions": len(found.given.questions),
        "totals": {mode: asdict(found.tally(mode)) for mode in MODES},
        "by_kind": {
            kind: {mode: asdict(found.tally(mode, kind)) for mode in MODES} for kind in found.kinds
        },
        "answers": [asdict(one) for one in found.answers],
        "quarantined": [asdict(bad) for bad in found.given.quarantined],
    }


def _record(home: "Home", run_key: str, found: "Golden", folder: Path) -> None:
    """Log the table, the counts and the page as a child of the champion's run in MLflow."""
    from flows.serving.golden_page import log_golden
    from flows.serving.golden_set import MODES
    from flows.tracking.runs import MEASURING, known_run

    run = known_run(home, run_key)
    if run is None:  # MLflow's database is another one than when it was trained
        return
    child = run.child(f"{MEASURING}{_name(found.given.path)}")
    child.log_metrics(
        {
            f"golden/{mode}_{outcome}": number
            for mode in MODES
            for outcome, number in asdict(found.tally(mode)).items()
        }
    )
    log_golden(child, folder, found)
    child.end()
