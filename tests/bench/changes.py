"""Change over time: feed claims in the order of observation, and compare the facts of 20 dates.

    python -m tests.bench.changes FOLDER [--dates 20]

FOLDER holds sp500.parquet, us_legislators.parquet and factbook_attributes.parquet. The rows whose
split is 'bad_import' are fed like all others, under the name of the same source; the split is only
for scoring. Right at a date is the value that the file observed last, or where it gives terms of
office, the one whose term has begun and not ended.
"""

import argparse
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from warehouse import query
from warehouse.catalogue import make_tables
from warehouse.claims import ClaimBatch, RelationRule
from warehouse.facts import ReconcileSettings, reconcile
from warehouse.intake import ingest
from warehouse.normal import normal_form

VARYING = RelationRule(slot="time_varying")
NUMBERS = RelationRule(slot="time_varying", values="number")
FILES = ("sp500", "us_legislators", "factbook_attributes")


def main() -> None:
    """Print the share of slots that are right at each date, and what was held back."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--dates", type=int, default=20)
    arguments = parser.parse_args()
    for name in FILES:
        rows = pq.read_table(arguments.folder / f"{name}.parquet").to_pylist()
        replay(name, [_plain(row) for row in rows], arguments.dates)
        if any(row["valid_to"] for row in rows):
            replay(name, [_plain(row) for row in rows], arguments.dates, at_once=True)


def replay(name: str, rows: list[dict[str, Any]], num_dates: int, *, at_once: bool = False) -> None:
    """Feed one file, as it was observed or at once, and print what came out."""
    rows.sort(key=lambda row: row["observed_at"])
    first, last = (date.fromisoformat(rows[i]["observed_at"]) for i in (0, -1))
    con = query.connect()
    make_tables(con)
    fed, shares = 0, []
    for number in range(1, num_dates + 1):
        day = first + timedelta(days=(last - first).days * number // num_dates)
        fresh = [row for row in rows[fed:] if at_once or row["observed_at"] <= day.isoformat()]
        if fresh:
            fed += len(fresh)
            given = [{k: v for k, v in row.items() if k != "split"} for row in fresh]
            rules = {row["relation"]: _rule(row["relation"]) for row in rows}
            ingest(con, ClaimBatch.from_rows(name, given, file=str(day), relations=rules))
        reconcile(con, ReconcileSettings(as_of=day))
        share, num_slots = _right(con, rows[:fed], day)
        shares.append(share)
        print(
            f"{name:>20} {'all fed' if at_once else '':7} {day} {num_slots:6,} slots "
            f"{share:7.2%} right"
        )
    held = con.sql(
        "select count(*) from decisions where reason like 'suspected%' and recorded_to is null"
    )
    print(f"{name:>20} worst {min(shares):.2%}, held back {held.fetchall()[0][0]}")


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    names = ("subject", "relation", "question", "observed_at", "valid_from", "valid_to", "split")
    return {key: row[key] for key in names} | {"value": row["object"]}


def _rule(relation: str) -> RelationRule:
    return NUMBERS if relation == "population" else VARYING


def _right(con: Any, rows: list[dict[str, Any]], day: date) -> tuple[float, int]:
    truth: dict[tuple[str, str], tuple[Any, set[str]]] = {}
    for row in rows:
        if row["split"] == "bad_import" or not _holds(row, day.isoformat()):
            continue
        begun = row["valid_from"] or ""
        slot = (normal_form(row["subject"]), normal_form(row["relation"]))
        when = (begun, row["observed_at"])
        best, values = truth.get(slot, (("", ""), set()))
        if when >= best:
            kept = values if when == best else set()
            truth[slot] = (when, kept | {normal_form(row["value"])})
    found = con.sql("select subject, relation, answer from facts where recorded_to is null")
    answers = {(subject, relation): answer for subject, relation, answer in found.fetchall()}
    num_right = sum(answers.get(slot) in values for slot, (_, values) in truth.items())
    return (num_right / len(truth) if truth else 1.0), len(truth)


def _holds(row: dict[str, Any], day: str) -> bool:
    begun, ended = row["valid_from"] or row["observed_at"], row["valid_to"] or "9999"
    return begun <= day and ended >= day[: len(ended)]


if __name__ == "__main__":
    main()
