"""Recall: what is asked (training and held-out phrasings, foreign questions), what came of it.

Reads: RUN/recall/shares, which the job measured. Writes: RUN/recall/recall.parquet (a row for each
question), plots, metrics to MLflow, and the recall table of the catalogue.
"""

from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect import task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE

from flows.configuration.settings import Settings
from flows.home.receipts import RunFolder
from flows.reporting import plots
from flows.reporting.fact_history import patient_catalogue
from flows.tracking.runs import TrackedRun, log_report
from flows.training.worker_jobs import read_shares
from warehouse.recall import record_recall
from warehouse.reference import foreign_questions, heldout_questions, missing_questions
from warehouse.relations import RelationRule
from warehouse.snapshot import Snapshot, open_snapshot
from warehouse.tombstones import published_tombstone
from warehouse.unanswered import unanswered_questions

if TYPE_CHECKING:
    from lamini.recall import Question, RecallRow


@task(cache_policy=NO_CACHE, task_run_name="record recall")
def record_measured(
    settings: Settings, run: TrackedRun, folder: Path, assignment: Path, snapshot: Path
) -> dict[str, Any]:
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
) -> dict[str, Any]:
    """Record what was measured in the run's folder, the catalogue and MLflow; give the totals.

    What was `carried` over from the champion's measurement stands behind what was asked now.
    """
    from lamini.recall import summarize, write_rows

    rows = [*asked, *carried]
    path = folder / "recall" / "recall.parquet"
    write_rows(rows, path)
    with patient_catalogue(settings.warehouse) as con:
        record_recall(con, path, folder.name, num_asked=len(asked))
    summary = [asdict(cell) for cell in summarize(rows)]
    totals = {cell["kind"]: cell for cell in summary if cell["template"] == "*"}
    numbers = {
        f"recall/{kind}_{name}": cell[name]
        for kind, cell in totals.items()
        for name in ("exact", "agreement", "oracle_exact", "from_memory")
    }
    written = RunFolder(path=folder).receipt("write_checkpoint") or {}
    run.log_metrics(numbers, model_id=written.get("model_id"))
    run.log_file(path, "recall")
    log_report(run, folder / "recall", "by_template.json", summary)
    misses = [asdict(row) for row in rows if not row.is_exact][:200]
    if misses:
        log_report(run, folder / "recall", "misses.json", misses)
    for figure in plots.recall_plots(rows, summary, folder / "plots"):
        run.log_file(figure, "plots")
    create_table_artifact(table=summary, key="recall", description="Recall by kind and template")
    captured = [row.prompt for row in rows if row.answer is None and row.from_memory]
    tight = sum(cell["num_tight"] for cell in totals.values())
    return {
        "path": str(path),
        "num_questions": len(rows),
        "num_tight": tight,
        "summary": summary,
        "captured_foreign": captured[:50],
    }


def questions_for(published: Snapshot, assignment: Path, num_prompts: int) -> list["Question"]:
    """Return what is asked: every fact in training and held-out phrasings, and foreign questions.

    Free-running generation is slow: a fact is asked one of its `num_prompts` tuned phrasings, the
    next fact the next one.
    """
    from lamini.recall import Question
    from lamini.training_data import read_training_facts

    facts = {fact.fact_id: fact for fact in read_training_facts(assignment)}
    table = published.facts()
    relation_of = dict(
        zip(table["fact_id"].to_pylist(), table["relation"].to_pylist(), strict=True)
    )
    known = {prompt for fact in facts.values() for prompt in fact.prompts}
    asked_of_facts = [
        Question(
            kind="training",
            template=relation_of[fact.fact_id],
            prompt=fact.prompts[turn % min(num_prompts, len(fact.prompts))],
            cloze=fact.cloze,
            fact_id=fact.fact_id,
            answer=fact.answer,
            group_index=fact.group_index,
        )
        for turn, fact in enumerate(facts.values())
    ]
    asked_of_facts += [
        Question(
            kind="heldout",
            template=row["template"],
            prompt=row["prompt"],
            fact_id=row["fact_id"],
            answer=facts[row["fact_id"]].answer,
            group_index=facts[row["fact_id"]].group_index,
        )
        for row in heldout_questions(
            table, {name: rule.heldout for name, rule in _rules(published).items()}
        ).to_pylist()
        if row["fact_id"] in facts and row["prompt"] not in known
    ]
    questions = accepting(asked_of_facts, published)
    questions += [
        Question(kind=row["kind"], template=row["kind"], prompt=row["prompt"])
        for asked in (
            foreign_questions(),
            missing_questions(table),
            unanswered_questions(table, partial(published_tombstone, published.path.parents[1])),
        )
        for row in asked.to_pylist()
        # A user's table may answer what the reference facts leave open.
        if row["prompt"] not in known
    ]
    return questions


def _rules(published: Snapshot) -> dict[str, RelationRule]:
    rows = published.relations().select(["relation", "rule"]).to_pylist()
    return {row["relation"]: RelationRule.from_json(row["rule"]) for row in rows if row["relation"]}


def accepting(questions: list["Question"], published: Snapshot) -> list["Question"]:
    """Let other spellings of the answer count where the relation's rule says `aliases_equal`."""
    lenient = {relation for relation, rule in _rules(published).items() if rule.aliases_equal}
    if not lenient:
        return questions
    facts = published.facts().select(["fact_id", "relation", "aliases"]).to_pylist()
    accepted = {f["fact_id"]: tuple(f["aliases"]) for f in facts if f["relation"] in lenient}
    return [replace(q, accepted=accepted.get(str(q.fact_id), ())) for q in questions]
