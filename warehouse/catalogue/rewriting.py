"""Write the catalogue's file anew: what was deleted stays in free blocks of the old one.

DuckDB marks the blocks of deleted rows as free and leaves their bytes where they are. A new
database into which all tables are copied holds what is there now, and nothing else.
"""

from pathlib import Path

from warehouse import durable, failpoints, query
from warehouse.catalogue.opening import STORAGE_VERSION, open_catalogue

_PART = ".catalogue.duckdb.part"


def rewrite_catalogue(home: Path) -> int:
    """Replace the catalogue's file by a copy of what it holds; give by how many bytes it shrank.

    Killed anywhere, the old file or the new one is in place.

    Raises:
        CatalogueLockedError: another process has it open.
    """
    path, part = home / "catalogue.duckdb", home / _PART
    with open_catalogue(home) as con:
        sweep_unfinished(home)
        con.execute("checkpoint catalogue")
        before = path.stat().st_size
        con.execute(
            f"attach {query.quote_text(str(part))} as fresh (storage_version '{STORAGE_VERSION}')"
        )
        con.execute("copy from database catalogue to fresh")
        con.execute("checkpoint fresh")
        con.execute("use memory")
        con.execute("detach fresh")
        con.execute("detach catalogue")
        durable.flush(part)
        failpoints.reach("rewrite.before_rename")
        part.replace(path)
        durable.flush(home)
        # Of the old file: the new one's is in the new one already.
        (home / "catalogue.duckdb.wal").unlink(missing_ok=True)
    return before - path.stat().st_size


def sweep_unfinished(home: Path) -> None:
    """Remove the copy that a killed process left half written; the catalogue's lock is held."""
    for left in home.glob(f"{_PART}*"):
        left.unlink()
