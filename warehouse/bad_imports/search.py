"""Find bad imports: what a source says in one go and against all that it said before.

Two signs, each learned from the relation's own history: a source changes most of a column at once,
which it does not usually do; or a number jumps far beyond what such numbers do, and does not stay
there (rows shifted by one give a subject the number of its neighbour). Such claims are held back
with the reason, and taken as soon as the source repeats them.
"""

from dataclasses import asdict, dataclass

import duckdb
import pyarrow as pa

from warehouse import query

SUSPECTED = pa.schema(
    [
        ("source", pa.string()),
        ("fact_id", pa.string()),
        ("observed_at", pa.date32()),
        ("reason", pa.string()),
    ]
)
MAX_ROUNDS = 50
"""Each round finds the first bad import of a source and relation that is left."""


@dataclass(frozen=True, kw_only=True)
class MassChange:
    """When a source changes most of a column at once."""

    far: float = 0.4
    """How far a number must move to count as changed, as logarithm: a population grows."""
    min_slots: int = 20
    min_share: float = 0.5
    min_foreign_share: float = 0.8
    """Of what others said, when the source speaks of the column for the first time."""


@dataclass(frozen=True, kw_only=True)
class Jump:
    """When a number jumps."""

    min_jump: float = 0.69
    """ln 2: to the double, or the half."""
    times_usual: float = 5.0
    """Times the jump that nine of ten of the relation's numbers stay below."""
    min_moves: int = 30
    """Fewer moves tell nothing of what is usual."""
    near: float = 0.025
    """Within which another subject's number is named in the reason."""


def watch(
    con: duckdb.DuckDBPyConnection, mass: MassChange | None = None, jump: Jump | None = None
) -> bool:
    """Make the table `watched_slots`: where a bad import could show at all; false if nowhere.

    A source must have said enough about a relation on one day, or the relation be one of numbers.
    """
    min_slots, min_moves = (mass or MassChange()).min_slots, (jump or Jump()).min_moves
    query.execute(con, "imports_watched")
    query.execute(con, "imports_unsuspected")
    if int(str(query.execute(con, "imports_dated")[0][0])) < min(min_slots, min_moves):
        return False  # as in most catalogues of a few facts
    query.execute(con, "imports_days", min_slots=min_slots)
    query.execute(con, "imports_numbers", min_moves=min_moves)
    if not query.execute(con, "imports_are_watched")[0][0]:
        return False  # no column with enough in it
    query.execute(con, "imports_slots")
    return bool(query.execute(con, "imports_is_watching")[0][0])


def find_bad_imports(
    con: duckdb.DuckDBPyConnection, mass: MassChange | None = None, jump: Jump | None = None
) -> int:
    """Make the table `newly_suspected` of the claims in `placed`; give the number of statements."""
    suspected = SUSPECTED.empty_table()
    query.execute(con, "imports_statements")
    for name in ("firsts", "columns", "shared"):
        query.execute(con, f"imports_{name}")
    for _ in range(MAX_ROUNDS):
        con.register("suspected", suspected)
        query.execute(con, "imports_moves")
        found = [
            query.run(con, "imports_batches", **asdict(mass or MassChange())),
            query.run(con, "imports_jumps", **asdict(jump or Jump())),
        ]
        fresh = pa.concat_tables([table.cast(SUSPECTED) for table in found])
        if not fresh.num_rows:
            break
        suspected = pa.concat_tables([suspected, fresh])
    con.register("suspected", suspected)
    query.execute(con, "imports_suspected")
    con.unregister("suspected")
    return int(suspected.num_rows)


def hold_back(con: duckdb.DuckDBPyConnection) -> None:
    """Keep what is suspected; make the table `bad_imports` (claim_no, reason) of it."""
    query.execute(con, "imports_clear")
    query.execute(con, "imports_record")
    query.execute(con, "imports_held_back")
