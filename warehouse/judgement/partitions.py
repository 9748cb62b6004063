"""Judge slots in parts, each in a DuckDB of its own over Parquet: in this process or in others.

A part holds whole slots, so each is judged by itself. What takes all of them is decided between the
passes, where the catalogue is: which imports are bad, how reliable each source is, which phrasings
facts share. The result is that of judging all in one piece, exactly.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from warehouse import query
from warehouse.judgement import beliefs
from warehouse.judgement.beliefs import Observed, Rules, Weighed, Weighing
from warehouse.truth import TruthState

_GIVEN = ("claims", "placed", "bad_imports", "rules", "value_keys")
_JUDGED = (
    "standings",
    "ranked_values",
    "losses",
    "general_values",
    "held_spans",
    "spellings",
    "phrasings",
    "candidates",
)
_WEIGHED = ("probabilities", "general")


def judge(con: duckdb.DuckDBPyConnection, rules: Rules, how: Weighing) -> dict[str, TruthState]:
    """Let the claims that were placed compete: make the tables of candidates and what led to them.

    With several parts, `how.each` must reach the files under `how.folder`.
    """
    if how.num_parts == 1:
        weighed = rank(con, rules, how)
        _word(con, rules)
        _note(con, weighed)
        return weighed.states
    with tempfile.TemporaryDirectory(prefix="parts-", dir=how.folder) as folder:
        parts = [Path(folder) / str(number) for number in range(how.num_parts)]
        for number, part in enumerate(parts):
            _write(con, part, number, how.num_parts)
        seen = _gathered(how.each(partial(_see, rules=rules), parts))
        weighed = beliefs.weigh(con, seen, how)
        for number, part in enumerate(parts):
            _give(weighed, part, number, how.num_parts)
        how.each(partial(_judge_part, rules=rules), parts)
        _read_back(con, parts)
    _note(con, weighed)
    return weighed.states


def rank(con: duckdb.DuckDBPyConnection, rules: Rules, how: Weighing) -> Weighed:
    """Find which value of each slot wins, here and in one piece; nothing is worded."""
    _begin(con, rules)
    relations = beliefs.relations_by_truth(con, rules)
    seen = {name: [beliefs.observed(con, name)] for name in relations}
    weighed = beliefs.weigh(con, seen, how)
    _decide(con, weighed)
    return weighed


def _begin(con: duckdb.DuckDBPyConnection, rules: Rules) -> None:
    beliefs.merge_near_values(con, rules)
    query.execute(con, "reconcile_strengths")
    query.execute(con, "reconcile_standings")


def _decide(con: duckdb.DuckDBPyConnection, weighed: Weighed) -> None:
    beliefs.believe(con, weighed)
    settle(con)


def settle(con: duckdb.DuckDBPyConnection) -> None:
    """Find what becomes of each value: make the table `ranked_values`."""
    query.execute(con, "reconcile_values")
    query.execute(con, "reconcile_uncontested")
    if _are_contested(con):
        query.execute(con, "reconcile_contests")


def _are_contested(con: duckdb.DuckDBPyConnection) -> bool:
    return bool(query.execute(con, "contests_any")[0][0])


def _word(con: duckdb.DuckDBPyConnection, rules: Rules) -> None:
    varies = any(rule.slot == "time_varying" for rule in rules.values())
    query.execute(con, "reconcile_timeline" if varies else "no_timeline")
    contests = ("reconcile_losses", "reconcile_general")
    for name in contests if _are_contested(con) else ("no_contests",):
        query.execute(con, name)
    for name in ("spellings", "supporting", "phrasings", "candidates"):
        query.execute(con, f"reconcile_{name}")


def _note(con: duckdb.DuckDBPyConnection, weighed: Weighed) -> None:
    with _lent(con, "made", weighed.accuracies):
        query.execute(con, "make_new_accuracies")


def _write(con: duckdb.DuckDBPyConnection, part: Path, number: int, num_parts: int) -> None:
    part.mkdir()
    for name in _GIVEN:
        table = query.run(con, f"part_{name}", part=number, num_parts=num_parts)
        pq.write_table(table, part / f"{name}.parquet")


def _give(weighed: Weighed, part: Path, number: int, num_parts: int) -> None:
    for name in _WEIGHED:
        table: pa.Table = getattr(weighed, name)
        own = table.filter(pc.equal(beliefs.part_of(table["fact_id"], num_parts), number))
        pq.write_table(own, part / f"{name}.parquet")


def _see(part: Path, *, rules: Rules) -> dict[str, Observed]:
    """Say who says what of a part, by relation decided by truth."""
    if not beliefs.any_truth(rules):
        return {}
    with _opened(part) as con:
        _begin(con, rules)
        names = beliefs.relations_by_truth(con, rules)
        return {name: beliefs.observed(con, name) for name in names}


def _gathered(of_parts: list[dict[str, Observed]]) -> dict[str, list[Observed]]:
    names = sorted({name for seen in of_parts for name in seen})
    return {name: [seen[name] for seen in of_parts if name in seen] for name in names}


def _judge_part(part: Path, *, rules: Rules) -> None:
    with _opened(part) as con:
        _begin(con, rules)
        given = {name: pq.read_table(part / f"{name}.parquet") for name in _WEIGHED}
        _decide(con, Weighed(**given))
        _word(con, rules)
        for name in _JUDGED:
            table = con.table(name).to_arrow_table()
            pq.write_table(table, part / f"{name}.parquet")


def _read_back(con: duckdb.DuckDBPyConnection, parts: list[Path]) -> None:
    for name in _JUDGED:
        files = [str(part / f"{name}.parquet") for part in parts]
        _make(con, name, con.read_parquet(files).to_arrow_table())


@contextmanager
def _opened(part: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a database of its own with the claims of a part."""
    with query.connect() as con:
        for name in _GIVEN:
            table = pq.read_table(part / f"{name}.parquet")
            _make(con, "scoped_claims" if name == "claims" else name, table)
        for name in ("part_slots", "ruled_claims", "keyed_claims"):
            query.execute(con, name)
        yield con


def _make(con: duckdb.DuckDBPyConnection, name: str, table: pa.Table) -> None:
    with _lent(con, "lent", table):
        con.execute(f"create or replace temp table {query.quote_name(name)} as from lent")


@contextmanager
def _lent(con: duckdb.DuckDBPyConnection, name: str, table: pa.Table) -> Iterator[None]:
    con.register(name, table)
    try:
        yield
    finally:
        con.unregister(name)
