"""Claims in any number, always the same: slots about which some of fifty sources say something.

Each slot has 2.5 claims on average. A source is right with a probability of its own (0.55 to 0.98)
and errs among ten wrong values of the slot; the claims of every third slot are dated.
"""

from pathlib import Path

import duckdb

NUM_SOURCES = 50
PER_SLOT = 2.5

SQL = """
copy (
    with drawn as (
        select
            i,
            hash(i * 7 + {seed}) % {num_slots} as slot,
            hash(i * 11 + 1 + {seed}) % {num_sources} as source,
            (hash(i * 13 + 2 + {seed}) % 100000) / 100000.0 as luck,
            hash(i * 17 + 3 + {seed}) % 10 as wrong,
            hash(i * 19 + 4 + {seed}) % 3650 as day
        from range({first}, {first} + {num_claims}) as t(i)
    ),
    said as (
        select
            *,
            'item ' || slot as subject,
            'attribute ' || slot % 10 as relation,
            0.55 + 0.43 * (source / {num_sources}) as accuracy
        from drawn
    )
    select
        subject,
        relation,
        case
            when luck < accuracy then 'value ' || slot % 99991
            else 'value ' || (slot * 31 + wrong + 1) % 99991
        end as value,
        'What is the ' || relation || ' of ' || subject || '?' as question,
        'source ' || source as source,
        case when slot % 3 = 0 then (date '2014-01-01' + day::integer)::varchar end as observed_at
    from said
) to '{path}' (format parquet)
"""


def write_claims(path: Path, num_claims: int, *, first: int = 0, seed: int = 0) -> Path:
    """Write claims number `first` to `first` + `num_claims` - 1 over as many slots as fit all."""
    with duckdb.connect() as con:
        con.execute(
            SQL.format(
                path=path,
                first=first,
                num_claims=num_claims,
                num_slots=int((first or num_claims) / PER_SLOT),
                num_sources=NUM_SOURCES,
                seed=seed,
            )
        )
    return path
