"""What looks wrong in a batch that was taken in: told of, and changes nothing."""

import duckdb

from warehouse import query
from warehouse.claims import ClaimBatch
from warehouse.claims.no_values import NO_VALUES


def doubts(con: duckdb.DuckDBPyConnection, batch: ClaimBatch) -> list[str]:
    """Say which values just taken in may stand for none, and where the source ties with itself.

    Reads the judged rows and the claims that stood before them.
    """
    named = {"markers": sorted(NO_VALUES)}
    found = [
        f"{value!r} is the {relation} of {count} subject{'' if count == 1 else 's'}"
        + (", where hardly two others share one" if is_common else "")
        + ": if it stands for no value, name it in nulls = [...]"
        for relation, value, count, is_common in query.execute(con, "doubt_values", **named)
    ]
    twice = query.run(con, "doubt_names").to_pylist()
    if twice:
        one, other = twice[0]["names"][:2]
        more = twice[0]["num_names"] - 1
        found.append(
            f"{one!r} and {other!r} differ in case alone{f' (and {more} more)' if more else ''}: "
            "they are two subjects, and a question tells them apart by nothing; give the table one "
            "spelling, or same_as.toml in the home"
        )
    if batch.extract == "full" or batch.watermark_column is not None:
        return found
    ((count,),) = query.execute(con, "doubt_undated")
    if count:
        found.append(
            f"{count} slots have another value than source {batch.source!r} gave before, and no "
            'date says which came later, so they tie; set extract = "full" if the table holds all '
            "that the source asserts, or map observed_at"
        )
    return found
