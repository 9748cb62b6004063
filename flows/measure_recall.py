"""Recall: what came of the questions that were asked.

Reads: RUN/recall/shares, which the job measured. Writes: RUN/recall/recall.parquet (a row for each
question), plots, metrics to MLflow, and the recall table of the catalogue.
"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from prefect import task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE

from flows.configuration.settings import Settings
from flows.home.receipts import Measured, Written
from flows.home.run_folder import RunFolder
from flows.planning.questions import questions_for
from flows.reporting import plots
from flows.reporting.fact_history import patient_catalogue
from flows.tracking.runs import TrackedRun, log_report
from flows.training.worker_jobs import read_shares
from warehouse.recall import record_recall
from warehouse.snapshots import open_snapshot

if TYPE_CHECKING:
    from lamini.proof.recall import RecallRow


@task(cache_policy=NO_CACHE, task_run_name="record recall")
def record_measured(
    settings: Settings, run: TrackedRun, folder: Path, assignment: Path, snapshot: Path
) -> Measured:
    """Put the measured shares together, and record each answer with its cause."""
    published = open_snapshot(snapshot)
    rows = read_shares(
        folder / "recall",
        len(questions_for(published, assignment, settings.tuning.prompts_per_fact)),
    )
    return record_rows(settings, run, folder, rows)


def record_rows(
    settings: Settings,
    run: TrackedRun,
    folder: Path,
    asked: list["RecallRow"],
    carried: Sequence["RecallRow"] = (),
) -> Measured:
    """Record what was measured in the run's folder, the catalogue and MLflow; give the totals.

    What was `carried` over from the champion's measurement stands behind what was asked now.
    """
    from lamini.proof.recall import summarize, write_rows

    rows = [*asked, *carried]
    path = folder / "recall" / "recall.parquet"
    write_rows(rows, path)
    with patient_catalogue(settings.home.warehouse) as con:
        record_recall(con, path, folder.name, num_asked=len(asked))
    summary = summarize(rows)
    told = [asdict(cell) for cell in summary]
    totals = {cell.kind: cell for cell in summary if cell.template == "*"}
    numbers = {
        f"recall/{kind}_{name}": getattr(cell, name)
        for kind, cell in totals.items()
        for name in ("exact", "agreement", "oracle_exact", "from_memory")
    }
    written = RunFolder(path=folder).read(Written)
    run.log_metrics(numbers, model_id=None if written is None else written.model_id)
    run.log_file(path, "recall")
    log_report(run, folder / "recall", "by_template.json", told)
    misses = [asdict(row) for row in rows if not row.is_exact][:200]
    if misses:
        log_report(run, folder / "recall", "misses.json", misses)
    for figure in plots.recall_plots(rows, summary, folder / "plots"):
        run.log_file(figure, "plots")
    create_table_artifact(table=told, key="recall", description="Recall by kind and template")
    captured = [row.prompt for row in rows if row.answer is None and row.from_memory]
    tight = sum(cell.num_tight for cell in totals.values())
    return Measured.model_validate(
        {
            "path": str(path),
            "num_questions": len(rows),
            "num_tight": tight,
            "summary": told,
            "captured_foreign": captured[:50],
        }
    )
