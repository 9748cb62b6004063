"""Join every resolved fact of the head snapshot with the claim that won and its support."""

import pyarrow as pa
import pyarrow.compute as pc

from flows.errors import SettingsError
from flows.home.home import Home
from warehouse.snapshots import head

WON = ("source", "file", "row", "authority", "observed_at")
"""What is told of the winning claim, as won_<name>."""


def resolved_facts(
    home: Home, *, relation: str | None = None, limit: int | None = None
) -> tuple[pa.Table, int]:
    """Return the facts, ordered by subject and relation, and how many there are before `limit`.

    Raises:
        NoSnapshotError: nothing is published.
        SettingsError: no fact has that relation; the message lists those there are.
    """
    snapshot = head(home.warehouse)
    facts = snapshot.facts()
    if relation is not None:
        known = sorted(facts["relation"].unique().to_pylist())
        facts = facts.filter(pc.equal(facts["relation"], relation))
        if not facts.num_rows:
            raise SettingsError(f"no fact has the relation {relation!r}; there are: {known}")
    facts = facts.sort_by([("subject", "ascending"), ("relation", "ascending")])
    chosen = facts if limit is None else facts.slice(0, limit)
    return _with_winner(chosen, snapshot.claims()), facts.num_rows


def _with_winner(facts: pa.Table, claims: pa.Table) -> pa.Table:
    strongest_first = claims.filter(pc.equal(claims["status"], "used")).sort_by(
        [("authority", "descending"), ("observed_at", "descending"), ("claim_id", "ascending")]
    )
    # index_in gives the first of equals: of every fact, its strongest claim.
    won = strongest_first.take(
        pc.index_in(facts["fact_id"], value_set=strongest_first["fact_id"].combine_chunks())
    )
    for name in WON:
        facts = facts.append_column(f"won_{name}", won[name])
    facts = facts.append_column("num_support", pc.list_value_length(facts["support"]))
    return facts.append_column("num_contradict", pc.list_value_length(facts["contradict"]))
