"""Read every row of the catalogue, so that a damaged block shows: DuckDB checks those it reads."""

from pathlib import Path

from warehouse import query
from warehouse.catalogue.opening import open_catalogue


def read_through(home: Path) -> int:
    """Return the number of rows in all tables, each of them read.

    Raises:
        CatalogueLockedError: another process has it open.
        CatalogueDamagedError: a block of it is not as it was written.
    """
    if not (home / "catalogue.duckdb").is_file():
        return 0
    with open_catalogue(home) as con:
        rows = 0
        for (name,) in query.execute(con, "catalogue_tables"):
            # The hash of a whole row takes all of its columns.
            text = f"select count(*), bit_xor(hash(t)) from {query.quote_name(str(name))} as t"
            rows += con.execute(text).fetchall()[0][0]
    return rows
