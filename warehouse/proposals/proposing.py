"""Read a table that has no mapping, and propose one."""

import os
import re
from collections import Counter
from pathlib import Path
from typing import Any

from warehouse.errors import MappingError, SourceError
from warehouse.proposals.column import Column
from warehouse.proposals.forms import form_of
from warehouse.proposals.proposal import Proposal, Table
from warehouse.proposals.sniffing import sniff
from warehouse.sources import Mapping
from warehouse.sources.duckdb_reader import tables_of
from warehouse.sources.files import find_files
from warehouse.sources.options import LocatedTable, format_of, is_url
from warehouse.sources.readers import read_raw
from warehouse.sources.tables import read_table
from warehouse.within import expanded

_NAME = re.compile(r"[^\w.-]+")


def propose(
    given: str,
    out: Path,
    *,
    table: str | None = None,
    dsn_env: str | None = None,
    subject: str | None = None,
) -> Proposal:
    """Read the table `given` (a file, folder, glob, URL) and propose the mapping `out` for it.

    `table` names one of a database; with `dsn_env` that is PostgreSQL's, and `given` is not used.
    `subject` names the column that every row is about; else it is found out.

    Raises:
        MappingError: it cannot be told how to read it; the message says what to give.
        SourceError: it cannot be read, nothing in it can be a subject, or `subject` is no column.
    """
    read = _table(given, out, table, dsn_env)
    stem = _stem(table or given)
    raw = read_raw(_mapping(stem, out, read)).table
    columns = [Column.of(name, raw[name]) for name in raw.column_names]
    try:
        form = form_of(columns, stem, subject)
    except SourceError as error:
        raise SourceError(f"{given}: {error}") from error
    return Proposal(name=stem, out=out, num_rows=raw.num_rows, table=read, form=form)


def _table(given: str, out: Path, table: str | None, dsn_env: str | None) -> Table:
    if dsn_env is not None:
        named = {"format": "postgresql", "dsn_env": dsn_env, "table": table or given}
        return Table(top=named)
    path = expanded(given).absolute()
    top = {"path": given if is_url(given) else _from(out, path)}
    kind = _folder_format(path) if path.is_dir() else format_of(given)
    if kind is None:
        raise MappingError(
            f"{given}: cannot tell the format; give the file its usual ending (.csv, .tsv, "
            ".parquet, .jsonl, .arrow, .duckdb, .gz after it), or write a mapping with `format`"
        )
    if path.is_dir() or format_of(given) is None:
        top["format"] = kind
    if kind == "duckdb":
        return Table(top={**top, "table": table or _only_table(out, top)})
    if kind == "csv":
        return sniff(find_files(_mapping("table", out, Table(top=top)))[0], top)
    return Table(top=top)


def _mapping(name: str, out: Path, table: Table) -> Mapping:
    """Make the mapping that reads the table and makes no claim of it."""
    values: dict[str, Any] = {**table.top, **({"csv": dict(table.csv)} if table.csv else {})}
    options = read_table(LocatedTable, str(out), values).options(out)
    return Mapping(name=name, file=out, options=options, views=())


def _from(out: Path, path: Path) -> str:
    """Write a path as the mapping gives it: from its own folder, if it lies in or below that."""
    folder = out.absolute().parent
    if path.is_relative_to(folder):
        return os.path.relpath(path, folder)
    return str(path)


def _folder_format(folder: Path) -> str | None:
    if (folder / "_delta_log").is_dir():
        return "delta"
    found = Counter(format_of(path.name) for path in folder.rglob("*") if path.is_file())
    found.pop(None, None)
    return found.most_common(1)[0][0] if found else None


def _only_table(out: Path, top: dict[str, str]) -> str:
    reading = _mapping("table", out, Table(top={**top, "table": "-"}))
    names = tables_of(reading)
    if len(names) == 1:
        return names[0]
    raise MappingError(
        f"{top['path']}: it holds {len(names)} tables: {', '.join(names[:20]) or 'none'}; name one "
        "with --table"
    )


def _stem(given: str) -> str:
    name = Path(given.rstrip("/")).name
    while format_of(name) is not None or name.lower().endswith(".gz"):
        name = name.rpartition(".")[0]
    return _NAME.sub(" ", name.replace("*", "")).strip(" .") or "table"
