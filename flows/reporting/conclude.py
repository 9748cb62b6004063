"""The last word about a run: its report, heat maps, numbers and words for the pages.

Writes: RUN/report.html, RUN/plots/heat_*.png; artifacts, tags, metrics and the description in
MLflow; a markdown artifact in Prefect. It tells of what is done, so nothing here stops a run.
"""

import logging

from prefect.artifacts import create_markdown_artifact

from flows.configuration.settings import Settings
from flows.home.receipts import Judged
from flows.home.run_folder import RunFolder
from flows.reporting.fact_history import draw_history
from flows.reporting.gather import gather
from flows.reporting.html_report import write_report
from flows.reporting.run_report import RunReport
from flows.tracking.experiment_page import dress_experiment
from flows.tracking.runs import TrackedRun

log = logging.getLogger(__name__)
_SHOWN = 20
"""Changed facts in the description; the report has more."""


def conclude(settings: Settings, run: TrackedRun, folder: RunFolder) -> None:
    """Tell MLflow and Prefect what became of the run in `folder`; done again, it tells the same."""
    try:
        found = gather(settings.home, folder.run_key)
        links = {
            "The run in MLflow": found.about.mlflow_url,
            "The run in Prefect": found.about.prefect_url,
        }
        urls = {name: url for name, url in links.items() if url}
        run.log_file(write_report(settings.home, folder.run_key, urls))
        for figure in draw_history(settings.home.warehouse, folder.path / "plots"):
            run.log_file(figure, "plots")
        run.log_metrics(_numbers(found))
        dress_experiment(run)
        more = "\n".join(f"- [{name}]({url})" for name, url in urls.items())
        words = f"{describe(found)}\n\n{more}"
        run.set_tags({"outcome": found.outcome, "mlflow.note.content": words})
        create_markdown_artifact(words, key="run-report", description="What it did")
    except Exception:
        log.warning("the report of run %s was not delivered", folder.run_key, exc_info=True)


def describe(found: RunReport) -> str:
    """Say in markdown what a run did, why, and what it was judged by."""
    outcome = found.outcome
    lines = [
        f"**{outcome[0].upper()}{outcome[1:]}.**",
        "",
        f"Why: {found.about.why or 'it did not say'}. Facts as of {found.about.as_of}. "
        "The whole story is in the artifact `report.html`.",
        "",
    ]
    changes = found.changes[:_SHOWN]
    if changes:
        lines += ["| | subject | relation | before | now |", "|---|---|---|---|---|"]
        lines += [
            f"| {row.op} | {_cell(row.subject)} | {_cell(row.relation)} "
            f"| {_cell(row.old_answer)} | {_cell(row.new_answer)} |"
            for row in changes
        ]
        if found.num_changes > len(changes):
            lines.append(f"\n{len(changes)} of {found.num_changes} changed facts")
        lines.append("")
    lines += ["| check | measured | wanted | |", "|---|---|---|---|"]
    lines += [
        f"| {check.name} | {check.shown} | {check.wanted} "
        f"| {'**failed**' if not check.passed else check.note or 'passed'} |"
        for check in (found.receipts.judged or Judged()).checks
    ]
    return "\n".join(lines)


def _cell(value: str | None) -> str:
    return (value or "").replace("|", "\\|").replace("\n", " ")


def _numbers(found: RunReport) -> dict[str, float]:
    """Return what the columns of the experiment page lack."""
    cost, trained = found.cost, found.receipts.trained
    is_first = trained is not None and not found.about.champion_before.snapshot_hash
    # Before the first model there was none that knew a fact.
    differing = trained.num_facts if is_first and trained else found.num_changes
    numbers = {
        "facts/differing": float(differing),
        "cost/worker_seconds": cost.worker_seconds,
        "cost/checkpoint_bytes": float(cost.checkpoint_bytes),
    }
    if cost.seconds_per_fact:
        numbers["cost/seconds_per_fact"] = cost.seconds_per_fact
    return numbers
