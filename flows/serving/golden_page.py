"""One self-contained HTML page about a golden set: no script, nothing fetched; and its record."""

from dataclasses import asdict
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from flows.serving.golden_answers import Golden
from flows.serving.golden_set import MODES, Mode
from flows.tracking.runs import TrackedRun, log_report
from warehouse.durable import write_text

PAGE = "golden.html"

TITLES: dict[Mode, str] = {
    "model": "the model alone",
    "memory": "memory",
    "rows": "rows in the prompt",
}


def write_golden_page(golden: Golden, run_key: str, path: Path) -> None:
    """Write the page, whole or not at all."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("golden.html.jinja").render(
        golden=golden,
        run_key=run_key,
        modes=MODES,
        titles=TITLES,
        answers={(one.line, one.mode): one for one in golden.answers},
    )
    write_text(page, path)


def log_golden(run: TrackedRun, folder: Path, golden: Golden) -> None:
    """Log the answers as a table, and the page that was written to `folder`, with a run."""
    rows = [{**asdict(one), "expected": " / ".join(one.expected)} for one in golden.answers]
    log_report(run, folder, "golden.json", rows)
    run.log_file(folder / PAGE, "recall")
