"""Years of change: the pipeline follows a table from month to month, by updates alone.

    python -m tests.bench.replay FILE.parquet [--first 2019-01-31] [--home FOLDER]

FILE holds dated terms of office as rows (subject, relation, object, question, paraphrases,
observed_at, valid_from, valid_to). The first month is a full run, every later month in which a fact
changed an update, through the same flow as `lamini run`. Printed for each: the changes, free-
running recall of all facts then current, answers of before that are still given, what else moved,
and the time. A plot goes to the home's MLflow.
"""

import argparse
import tempfile
import time
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from flows.configuration.settings import Settings, load_settings
from flows.environment import apply_environment

MAPPING = """
name = "{name}"
path = "{path}"

[claim]
subject = "subject"
relation = "relation"
value = "object"
question = "question"
paraphrases = "paraphrases"
observed_at = "observed_at"
valid_from = "valid_from"
valid_to = "valid_to"
"""
RULE = """
[relations."{relation}"]
slot = "time_varying"
"""
MOVED = ("differing_experts", "differing_keys", "differing_prompts", "differing_answers")


@dataclass(frozen=True)
class Month:
    """What one run did."""

    as_of: str
    mode: str
    changed: int
    facts: int
    recall: float
    """Exact, free-running, of all facts then current."""
    recall_changed: float
    outdated: int
    """Prompts of changed and retired facts that still get the answer of before."""
    moved: int
    """Untouched experts, keys, prompts and answers that differ."""
    train_seconds: float
    seconds: float


def main() -> None:
    """Replay, print a row for each run, and keep the plot."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--first", type=date.fromisoformat, default=date(2019, 1, 31))
    parser.add_argument("--home", type=Path)
    parser.add_argument("--quick", action="store_true", help="three months of change")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = (arguments.home or Path(folder)).resolve()
        apply_environment(home)
        rows = pq.read_table(arguments.file).to_pylist()
        settings = load_settings(
            {"home": home, "sources": (_mapping(arguments.file.resolve(), rows, home),)}
        )
        days = [arguments.first, *_months_of_change(rows, arguments.first)]
        _replay(settings, arguments.file.stem, days[:4] if arguments.quick else days)


def _replay(settings: Settings, name: str, days: list[date]) -> None:
    from flows.servers.services import Services

    months: list[Month] = []
    with Services(settings.home) as services:
        services.wait_ready()
        for day in days:
            months.append(_month(settings.model_copy(update={"as_of": day})))
            print(
                " ".join(
                    f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}"
                    for k, v in asdict(months[-1]).items()
                ),
                flush=True,
            )
    updates = [month for month in months[1:] if month.mode == "incremental"]
    outdated, moved = sum(m.outdated for m in months), sum(m.moved for m in months)
    print(
        f"{len(updates)} updates of {len(months) - 1} runs after the first; recall at worst "
        f"{min(m.recall for m in months):.2%}, of what changed "
        f"{min(m.recall_changed for m in months):.2%}; answers of before {outdated}; moved {moved}"
    )
    _plot(settings, name, months)


def _month(settings: Settings) -> Month:
    from flows import memorize
    from flows.home.run_folder import RunFolder
    from lamini.proof.recall import read_rows

    start = time.perf_counter()
    result = memorize.run(settings)
    seconds = time.perf_counter() - start
    folder = RunFolder(path=settings.home.runs / result.run_key)
    rows = read_rows(folder.path / "recall" / "recall.parquet")
    everything = [row for row in rows if row.kind == "training"]
    changed = [row for row in rows if row.kind == "changed"]
    before = {fact.fact_id: fact.old_answer for fact in result.changes or ()}
    proof, receipts = result.measured.proof, result.receipts
    still = [row for row in changed if row.generated == before.get(row.fact_id)]
    return Month(
        as_of=settings.as_of.isoformat(),
        mode=result.decision,
        changed=len(before),
        facts=len(everything),
        recall=_exact(everything),
        recall_changed=_exact(changed),
        outdated=len(still) + len(proof.still_given or ()),
        moved=sum(len(getattr(proof, name) or ()) for name in MOVED),
        train_seconds=receipts.updated.update_seconds
        if receipts.updated
        else receipts.trained.seconds,
        seconds=seconds,
    )


def _exact(rows: list[Any]) -> float:
    return sum(row.is_exact for row in rows) / len(rows) if rows else 1.0


def _mapping(table: Path, rows: list[dict[str, Any]], home: Path) -> Path:
    home.mkdir(parents=True, exist_ok=True)
    path = home / f"{table.stem}.toml"
    relations = sorted({row["relation"] for row in rows})
    text = MAPPING.format(name=table.stem, path=table)
    path.write_text(text + "".join(RULE.format(relation=name) for name in relations))
    return path


def _months_of_change(rows: list[dict[str, Any]], first: date) -> Iterator[date]:
    """Yield the ends of the months in which a term began or ended, up to the last observation."""
    last = max(row["observed_at"] for row in rows)
    moments = {
        str(row[name])[:7] for row in rows for name in ("valid_from", "valid_to") if row[name]
    }
    for moment in sorted(moments):
        year, month = (int(part) for part in moment.split("-")) if "-" in moment else (0, 0)
        if year:
            day = date(year, month, monthrange(year, month)[1])
            if first < day and day.isoformat()[:7] <= last[:7]:
                yield day


def _plot(settings: Settings, name: str, months: list[Month]) -> None:
    import matplotlib.pyplot as plt

    from flows.tracking.runs import open_run

    figure, (top, bottom) = plt.subplots(2, 1, sharex=True, figsize=(9, 5), layout="constrained")
    when = [month.as_of[:7] for month in months]
    top.plot(when, [100 * m.recall for m in months], marker="o", label="all current facts")
    top.plot(when, [100 * m.recall_changed for m in months], marker=".", label="changed")
    top.set_ylabel("exact recall, %")
    top.set_ylim(90, 100.5)
    top.legend(loc="lower left")
    top.set_title(f"{name}: one full run, then updates alone")
    bottom.bar(when, [month.changed for month in months], label="facts changed")
    bottom.plot(when, [m.outdated + m.moved for m in months], "r.", label="outdated or moved")
    bottom.legend(loc="upper left")
    bottom.tick_params(axis="x", rotation=75)
    path = settings.home.path / f"replay_{name}.png"
    figure.savefig(path, dpi=110)
    run = open_run(settings.home, f"replay-{name}", f"replay {name}", {"kind": "replay"})
    for step, month in enumerate(months):
        numbers = {"recall": month.recall, "changed": month.changed, "moved": month.moved}
        run.log_metrics({f"replay/{key}": value for key, value in numbers.items()}, step)
    run.log_file(path, "plots")
    run.end()
    print(f"plot: {path}, and in MLflow run {run.run_id}")


if __name__ == "__main__":
    main()
