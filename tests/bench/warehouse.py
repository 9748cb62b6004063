"""How long claims in numbers take from file to snapshot, beside a bare `group by` of the same file.

    python -m tests.bench.warehouse [--claims N ...] [--memory-limit 4GB] [--quick]

Measured of each number of claims, in a process of its own: ingest, resolving by policy alone (what
wins, neither worded nor recorded), the whole reconcile, publish, one round of truth discovery, and
a reconcile after a change of one claim in a thousand, which must come to the very hash that judging
everything comes to. The yardstick is DuckDB's own `group by` with `arg_max` over the file, in
alternation with resolving: the median and the quartiles of their ratios. Seconds on the wall and,
in brackets, of the processors; the shares are of the latter.
"""

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from multiprocessing import get_context
from pathlib import Path

import duckdb

from tests.bench.claims import write_claims
from tests.bench.measuring import ratios, show, spread
from warehouse import query
from warehouse.catalogue import look_back, open_catalogue
from warehouse.facts import ReconcileReceipt, ReconcileSettings, reconcile, reconciliation
from warehouse.intake import ingest
from warehouse.judgement import partitions
from warehouse.snapshots import publish
from warehouse.sources import load_mapping, read_source
from warehouse.truth.discovery import read_tables
from warehouse.truth.estimation import estimate
from warehouse.truth.settings import TruthConfig

SIZES = (100_000, 1_000_000)
QUICK_SIZES = (10_000, 100_000)
CHANGED_SHARE = 0.001
AS_OF = date(2026, 1, 1)
REPEATS = 5
FEW_ROUNDS, MORE_ROUNDS = 2, 6
MAPPING = """name = "bench"
path = "{path}"
[claim]
subject = "subject"
relation = "relation"
value = "value"
question = "question"
source = "source"
observed_at = "observed_at"
"""
BARE = "create or replace temp table bare as select subject, relation, arg_max(value, observed_at)"


@dataclass(frozen=True)
class Spent:
    """What a step took."""

    wall_seconds: float
    processor_seconds: float
    peak_bytes: int

    def __str__(self) -> str:
        return f"{self.wall_seconds:.2f} ({self.processor_seconds:.2f})"


Costs = dict[str, Spent]


def main() -> None:
    """Measure every size asked for and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--claims", type=int, nargs="+")
    parser.add_argument("--memory-limit", default="4GB")
    parser.add_argument("--home", type=Path, help="a folder with room; default: a temporary one")
    parser.add_argument("--no-truth", action="store_true", help="no round of truth discovery")
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    sizes = given.claims or (QUICK_SIZES if given.quick else SIZES)
    costs = []
    with tempfile.TemporaryDirectory(dir=given.home) as home:
        for size in sizes:
            alone = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
            with alone:
                asked = (size, Path(home), given.memory_limit, not given.no_truth)
                costs.append(alone.submit(measure, *asked).result())
            _report(sizes[: len(costs)], costs)


def measure(num_claims: int, folder: Path, memory_limit: str, with_truth: bool) -> Costs:
    """Take one number of claims through everything."""
    path = write_claims(folder / f"{num_claims}.parquet", num_claims)
    costs: Costs = {}
    with open_catalogue(folder / f"home{num_claims}") as con:
        _limit(con, memory_limit, folder)
        with _timed(costs, "ingest"):
            _take_in(con, path)
        for attempt in range(REPEATS):
            with _timed(costs, f"bare {attempt}"):
                _group_by(path, memory_limit, folder)
            with _timed(costs, f"resolve {attempt}"):
                _resolve(con)
        with _timed(costs, "reconcile"):
            _decide(con, "all")
        with _timed(costs, "publish"):
            publish(con, folder / f"home{num_claims}")
        more = folder / f"{num_claims}-more.parquet"
        _take_in(con, write_claims(more, round(num_claims * CHANGED_SHARE), first=num_claims))
        with _timed(costs, "a change"):
            changed = _decide(con, "changed")
        with _timed(costs, "all again"):
            everything = _decide(con, "all")
        assert changed.snapshot_hash == everything.snapshot_hash, "a change is not the whole"
        if with_truth:
            observations = con.sql(
                "select fact_id as slot, source, value from claims group by all"
            ).to_arrow_table()
    if with_truth:
        costs["round"] = _round(observations)
    return costs


def _group_by(path: Path, memory_limit: str, folder: Path) -> None:
    with duckdb.connect() as con:
        _limit(con, memory_limit, folder)
        con.execute(f"{BARE} from read_parquet(?) group by all", [str(path)])


def _limit(con: duckdb.DuckDBPyConnection, memory_limit: str, folder: Path) -> None:
    con.execute("set enable_progress_bar = false")
    con.execute(f"set memory_limit = {query.quote_text(memory_limit)}")
    con.execute(f"set temp_directory = {query.quote_text(str(folder / 'spilled'))}")


def _take_in(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    mapping = path.with_suffix(".toml")
    mapping.write_text(MAPPING.format(path=path), encoding="utf-8")
    ingest(con, read_source(load_mapping(mapping)))


def _decide(con: duckdb.DuckDBPyConnection, scope: str) -> ReconcileReceipt:
    return reconcile(con, ReconcileSettings(as_of=AS_OF, scope=scope))


def _resolve(con: duckdb.DuckDBPyConnection) -> None:
    """Find what wins in every slot, and neither word nor record it: what a `group by` does."""
    settings = ReconcileSettings(as_of=AS_OF)
    look_back(con, None)
    rules = reconciliation._rules(con, settings.default_rule)
    reconciliation._place_all(con, settings, rules)
    partitions.rank(con, rules, settings.weighing)


def _round(observations: object) -> Spent:
    """Give what one round takes: the difference between a run of a few rounds and one of more."""
    part = read_tables((observations, None))
    costs: Costs = {}
    for num_rounds in (FEW_ROUNDS, MORE_ROUNDS):
        with _timed(costs, str(num_rounds)):
            estimate({"": [part]}, TruthConfig(max_rounds=num_rounds, tolerance=1e-12))
    few, more = costs[str(FEW_ROUNDS)], costs[str(MORE_ROUNDS)]
    apart = MORE_ROUNDS - FEW_ROUNDS
    return Spent(
        (more.wall_seconds - few.wall_seconds) / apart,
        (more.processor_seconds - few.processor_seconds) / apart,
        more.peak_bytes,
    )


@contextmanager
def _timed(costs: Costs, name: str) -> Iterator[None]:
    wall, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    yield
    after = resource.getrusage(resource.RUSAGE_SELF)
    costs[name] = Spent(
        time.perf_counter() - wall,
        after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        after.ru_maxrss * 1024,
    )
    print(f"{name}: {costs[name]}", file=sys.stderr, flush=True)


def _report(sizes: tuple[int, ...], costs: list[Costs]) -> None:
    rows = [_row(size, cost) for size, cost in zip(sizes, costs, strict=True)]
    show("seconds on the wall (of the processors)", list(rows[0]), [list(r.values()) for r in rows])


def _row(num_claims: int, cost: Costs) -> dict[str, object]:
    return {
        "claims": num_claims,
        **{name: cost.get(name, "") for name in _STEPS},
        "resolve / bare": _spread(cost, [f"resolve {i}" for i in range(REPEATS)]),
        "reconcile / bare": _spread(cost, ["reconcile"] * REPEATS),
        "round / bare": _spread(cost, ["round"] * REPEATS) if "round" in cost else "",
        "change / reconcile": _times(cost, "a change", "reconcile"),
        "peak GB": f"{cost['publish'].peak_bytes / 2**30:.2f}",
    }


def _times(cost: Costs, one: str, other: str) -> str:
    return f"{cost[one].processor_seconds / cost[other].processor_seconds:.3g}"


def _spread(cost: Costs, names: list[str]) -> str:
    bare = [cost[f"bare {attempt}"].processor_seconds for attempt in range(REPEATS)]
    return spread(ratios([cost[name].processor_seconds for name in names], bare), 1)


_STEPS = (
    *("ingest", "bare 0", "resolve 0", "reconcile", "publish", "a change", "all again", "round"),
)


if __name__ == "__main__":
    main()
