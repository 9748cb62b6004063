"""Find texts in files of any kind under a home, and take them out of those that are ours.

Raw bytes prove nothing where a file is compressed, so Parquet, Lance, SQLite and DuckDB are read as
what they are, and every file's bytes are searched as well.
"""

import html
import json
import mmap
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from warehouse.durable import write_parquet, write_text
from warehouse.tombstones import FORGOTTEN

_SQLITE = (".db", ".sqlite")
_BUSY_SECONDS = 5.0
_FREE_TEXT = {
    *("message", "data", "value", "description", "content"),
    *("parameters", "state_message", "payload"),
}
"""Columns of Prefect's and MLflow's databases for what was said, not what things are named."""
_LINES = (".log", ".txt", ".jsonl", ".csv", ".md")


def files_of(folder: Path) -> Iterator[Path]:
    """Return every plain file under `folder`, in order."""
    yield from sorted(
        path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()
    )


def encoded(texts: Sequence[str]) -> list[bytes]:
    """Return the bytes by which texts are found: as UTF-8, and as JSON and HTML write them."""
    return sorted({form.encode() for text in texts for form in _forms(text)})


def _forms(text: str) -> tuple[str, str, str]:
    return text, json.dumps(text)[1:-1], html.escape(text)


def holds(path: Path, texts: Sequence[str]) -> bool:
    """Whether any of the texts stands in the file, in its bytes or in what it decodes to."""
    try:
        return bool(texts) and (_in_bytes(path, encoded(texts)) or _in_content(path, texts))
    except FileNotFoundError:  # a database's companion, gone with the last who had it open
        return False


def _in_bytes(path: Path, needles: Sequence[bytes]) -> bool:
    with path.open("rb") as file:
        if not path.stat().st_size:
            return False
        with closing(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)) as data:
            return any(data.find(needle) >= 0 for needle in needles)


def _in_content(path: Path, texts: Sequence[str]) -> bool:
    if path.suffix == ".parquet":
        return any(_has(value, texts) for value in _table_values(pq.read_table(path)))
    if path.suffix in _SQLITE:
        return any(_has(value, texts) for value in _sqlite_values(path))
    if path.suffix == ".duckdb":
        return any(_has(value, texts) for value in _duckdb_values(path))
    if path.suffix == ".manifest" and path == min(path.parent.glob("*.manifest")):
        return _lance_holds(path.parent.parent, texts)
    return False


def _lance_holds(uri: Path, texts: Sequence[str]) -> bool:
    import lance

    for version in lance.dataset(str(uri)).versions():
        found = lance.dataset(str(uri), version=version["version"])
        names = [field.name for field in found.schema if pa.types.is_string(field.type)]
        if names and any(_has(v, texts) for v in _table_values(found.to_table(columns=names))):
            return True
    return False


def _has(value: object, texts: Sequence[str]) -> bool:
    if isinstance(value, bytes):
        return any(needle in value for needle in encoded(texts))
    if isinstance(value, str):
        return any(text in value for text in texts)
    if isinstance(value, dict):
        return any(_has(part, texts) for item in value.items() for part in item)
    if isinstance(value, list | tuple):
        return any(_has(part, texts) for part in value)
    return False


def _table_values(table: pa.Table) -> Iterator[object]:
    for name in table.column_names:
        yield from table[name].unique().to_pylist() if _is_text(table[name].type) else ()
        yield from table[name].to_pylist() if pa.types.is_nested(table[name].type) else ()


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _sqlite_values(path: Path) -> Iterator[object]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=_BUSY_SECONDS)) as con:
        for table, column in _sqlite_columns(con):
            for (value,) in con.execute(f'select "{column}" from "{table}"'):
                yield value


def _sqlite_columns(con: sqlite3.Connection) -> list[tuple[str, str]]:
    tables = con.execute(
        "select name from sqlite_master where type = 'table' and name not like 'sqlite%'"
    ).fetchall()
    return [
        (table, row[1])
        for (table,) in tables
        for row in con.execute(f'pragma table_info("{table}")').fetchall()
    ]


def _duckdb_values(path: Path) -> Iterator[object]:
    from warehouse import query

    with query.connect() as con:
        con.execute(f"attach {query.quote_text(str(path))} as searched (read_only)")
        tables = con.execute(
            "select table_name from duckdb_tables() where database_name = 'searched'"
        ).fetchall()
        for (table,) in tables:
            rows = con.execute(f"select * from searched.{query.quote_name(str(table))}")
            while batch := rows.fetchmany(10_000):
                yield from (value for row in batch for value in row)


def scrub(path: Path, texts: Sequence[str], keys: Sequence[str]) -> bool:
    """Take the texts out of one of our files; false where we do not know how.

    Rows that hold one of `keys` (ids and prompts, which are of the one fact alone) go as a whole;
    elsewhere a text is written over.

    Raises:
        OSError: the file cannot be written.
        sqlite3.Error: another process holds the database.
    """
    known: dict[str, Callable[[Path, Sequence[str], Sequence[str]], None]] = {
        ".parquet": _scrub_parquet,
        ".json": _scrub_json,
        **dict.fromkeys(_SQLITE, _scrub_sqlite),
        ".html": _scrub_page,
        **dict.fromkeys(_LINES, _scrub_lines),
    }
    if path.name.endswith("-wal"):  # what a database has not yet written into its file
        path = path.with_name(path.name.removesuffix("-wal"))
    if path.suffix not in known:
        return False
    known[path.suffix](path, texts, keys)
    return True


def _scrub_parquet(path: Path, texts: Sequence[str], keys: Sequence[str]) -> None:
    table = pq.read_table(path)
    both = [*texts, *keys]
    kept = [number for number, row in enumerate(table.to_pylist()) if not _has(row, both)]
    write_parquet(table.take(pa.array(kept, pa.int64())), path)


def _scrub_json(path: Path, texts: Sequence[str], keys: Sequence[str]) -> None:
    value = without(json.loads(path.read_text(encoding="utf-8")), texts, keys)
    write_text(json.dumps(value), path)


def without(value: Any, texts: Sequence[str], keys: Sequence[str]) -> Any:
    """Return a JSON value without the rows that hold a key, and with the texts written over."""
    if isinstance(value, list):
        return [without(part, texts, keys) for part in value if not _is_row_of(part, keys)]
    if isinstance(value, dict):
        return {
            name: without(part, texts, keys)
            for name, part in value.items()
            if not _has(name, [*texts, *keys])
        }
    return _cover(value, [*keys, *texts])


def _is_row_of(part: Any, keys: Sequence[str]) -> bool:
    if isinstance(part, str):
        return part in keys
    cells = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    return any(isinstance(cell, str) and _has(cell, keys) for cell in cells)


def _cover(value: Any, texts: Sequence[str]) -> Any:
    """Write over what is found in a text; an address leads somewhere, and stays."""
    if isinstance(value, bytes):
        for needle in encoded(texts):
            value = value.replace(needle, FORGOTTEN.encode())
    if not isinstance(value, str) or _is_address(value):
        return value
    return _covered(value, texts)


def _is_address(text: str) -> bool:
    return ("://" in text or text.startswith("/")) and not any(map(str.isspace, text))


def _covered(text: str, texts: Sequence[str]) -> str:
    for one in sorted(texts, key=len, reverse=True):
        for form in _forms(one):
            text = text.replace(form, FORGOTTEN)
    return text


def _scrub_lines(path: Path, texts: Sequence[str], keys: Sequence[str]) -> None:
    both = [*texts, *keys]
    lines = path.read_text(encoding="utf-8", errors="surrogateescape").splitlines(keepends=True)
    kept = "".join(line for line in lines if _covered(line, both) == line)
    path.write_text(kept, encoding="utf-8", errors="surrogateescape")


def _scrub_page(path: Path, texts: Sequence[str], keys: Sequence[str]) -> None:
    text = path.read_text(encoding="utf-8", errors="surrogateescape")
    covered = _covered(text, [*texts, *keys])
    path.write_text(covered, encoding="utf-8", errors="surrogateescape")


def _scrub_sqlite(path: Path, texts: Sequence[str], keys: Sequence[str]) -> None:
    both = [*texts, *keys]
    with closing(sqlite3.connect(path, timeout=_BUSY_SECONDS)) as con:
        con.create_function("has", 1, lambda value: _has(value, both), deterministic=True)
        con.create_function("cover", 1, lambda value: _cover(value, both), deterministic=True)
        for table, column in _sqlite_columns(con):
            if column in _FREE_TEXT:
                con.execute(
                    f'update "{table}" set "{column}" = cover("{column}") where has("{column}")'
                )
        con.commit()
        con.execute("vacuum")  # free pages still hold what was written over
        con.execute("pragma wal_checkpoint(truncate)")
