"""Read where a table lies and how it is read.

path = "prices/*.csv"         # a file, a folder, a glob, or s3://, gs://, file://
format = "csv"                # where the name does not tell
extract = "full"              # it holds all that the source asserts: what is gone is withdrawn
watermark = "updated"         # or: only rows beyond the greatest value so far are read
[csv]
delimiter = ";"
encoding = "latin-1"
header = false
columns = ["sku", "price"]    # names, where there is no header

path = "shop.duckdb"          # a database needs one of
table = "main.prices"
query = "select ..."

format = "postgresql"
dsn_env = "SHOP_DSN"          # the environment variable that holds the connection string
table = "prices"

path = "lake/prices"
format = "delta"
watermark = "version"         # only what was inserted since the last version is read
"""

import codecs
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from warehouse.claims import EXTRACTS
from warehouse.errors import MappingError
from warehouse.sources.checks import (
    a_flag,
    a_table,
    a_text,
    check_keys,
    one_of,
    optional_text,
    several_texts,
)

KEYS = (
    *("path", "format", "table", "query", "dsn_env", "extract", "watermark"),
    "csv",
)
FORMATS = {
    ".parquet": "parquet",
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".arrow": "arrow",
    ".arrows": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".duckdb": "duckdb",
    ".db": "duckdb",
}
NAMES = (*dict.fromkeys(FORMATS.values()), "delta", "postgresql")
DATABASES = ("duckdb", "postgresql")
SCHEMES = ("s3", "gs", "gcs", "file")
_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://")
_CSV = ("delimiter", "encoding", "header", "columns", "quote")


@dataclass(frozen=True, kw_only=True)
class CsvOptions:
    """How a CSV file is written."""

    delimiter: str = ","
    encoding: str = "utf-8"
    header: bool = True
    columns: tuple[str, ...] = ()
    """Their names, where there is no header."""
    quote: str | None = '"'


@dataclass(frozen=True, kw_only=True)
class Options:
    """Where a table lies and how it is read."""

    given: str
    """Its path as the mapping gives it, for people; of a database, the table."""
    location: str
    """The absolute path, or the URL; empty for PostgreSQL."""
    format: str
    """One of NAMES."""
    table: str | None = None
    query: str | None = None
    dsn_env: str | None = None
    """The environment variable that holds the connection string: never the string itself."""
    extract: str = "incremental"
    watermark: str | None = None
    csv: CsvOptions = CsvOptions()

    @property
    def is_url(self) -> bool:
        """Whether it is read through an object store."""
        return is_url(self.location)


def is_url(location: str) -> bool:
    """Say whether a location is a URL."""
    return _URL.match(location) is not None


def read_options(path: Path, values: dict[str, Any]) -> Options:
    """Read the keys that say where the table is.

    Raises:
        MappingError: a key is missing, of the wrong type, or does not go with another.
    """
    kind = values.get("format")
    if kind is not None:
        one_of(path, "format", kind, NAMES)
    given = _given(path, values)
    location = given if is_url(given) or kind == "postgresql" else _absolute(path, given)
    _check_url(path, given)
    kind = kind or _format(path, given)
    options = Options(
        given=given,
        location="" if kind == "postgresql" else location,
        format=kind,
        table=optional_text(path, "table", values),
        query=optional_text(path, "query", values),
        dsn_env=_dsn_env(path, values),
        extract=one_of(path, "extract", values.get("extract", "incremental"), EXTRACTS),
        watermark=optional_text(path, "watermark", values),
        csv=_csv(path, given, values),
    )
    _check_together(path, options, values)
    return options


def _given(path: Path, values: dict[str, Any]) -> str:
    if values.get("format") != "postgresql":
        return a_text(path, "path", values.get("path"))
    if "path" in values:
        raise MappingError(f"{path}: postgresql has no path; give `dsn_env` and `table` or `query`")
    return f"postgresql {values.get('table') or 'query'}"


def _absolute(path: Path, given: str) -> str:
    if "\0" in given:
        raise MappingError(f"{path}: path = {given!r} holds a NUL")
    # Not resolve(): a loop of links is the reader's to report.
    return str((path.parent / Path(given).expanduser()).absolute())


def _check_url(path: Path, given: str) -> None:
    if not is_url(given):
        return
    url = urlsplit(given)
    if url.username or url.password or "@" in url.netloc:
        raise MappingError(
            f"{path}: the path holds credentials; a mapping is kept and shown: give them in the "
            "environment (AWS_ACCESS_KEY_ID, GOOGLE_APPLICATION_CREDENTIALS, `dsn_env`)"
        )
    one_of(path, "the scheme of path", url.scheme, SCHEMES)


def _dsn_env(path: Path, values: dict[str, Any]) -> str | None:
    name = optional_text(path, "dsn_env", values)
    if name is not None and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        # The value may be the secret itself, so it is not shown.
        raise MappingError(
            f"{path}: dsn_env must be the name of an environment variable, such as SHOP_DSN; "
            "the connection string itself stays out of files"
        )
    return name


def _format(path: Path, given: str) -> str:
    suffixes = Path(given.rstrip("/")).suffixes
    if suffixes and suffixes[-1].lower() == ".gz":
        suffixes = suffixes[:-1]
    found = FORMATS.get(suffixes[-1].lower()) if suffixes else None
    if found is None:
        raise MappingError(
            f"{path}: cannot tell the format of {Path(given).name}; set format to one of "
            f"{', '.join(sorted(NAMES))}"
        )
    return found


def _csv(path: Path, given: str, values: dict[str, Any]) -> CsvOptions:
    table = a_table(path, "csv", values.get("csv", {}))
    check_keys(path, "csv.", table, _CSV)
    tab = "\t" if ".tsv" in Path(given).suffixes else ","
    options = CsvOptions(
        delimiter=_character(path, "csv.delimiter", table.get("delimiter", tab)),
        encoding=_encoding(path, table.get("encoding", "utf-8")),
        header=a_flag(path, "csv.header", table.get("header", True)),
        columns=several_texts(path, "csv.columns", table["columns"]) if "columns" in table else (),
        quote=_character(path, "csv.quote", q) if (q := table.get("quote", '"')) else None,
    )
    if options.header == bool(options.columns):
        want = "leave out csv.columns" if options.header else "name the columns in csv.columns"
        raise MappingError(f"{path}: csv.header = {str(options.header).lower()}: {want}")
    return options


def _character(path: Path, key: str, value: object) -> str:
    if not isinstance(value, str) or len(value) != 1 or ord(value) > 127 or value in "\r\n\0":
        raise MappingError(f"{path}: {key} = {value!r} must be one ASCII character")
    return value


def _encoding(path: Path, value: object) -> str:
    try:
        return codecs.lookup(a_text(path, "csv.encoding", value)).name
    except LookupError:
        raise MappingError(
            f"{path}: csv.encoding = {value!r} is no encoding; such as utf-8, latin-1, utf-16"
        ) from None


def _check_together(path: Path, options: Options, values: dict[str, Any]) -> None:
    kind = options.format
    if kind in DATABASES and (options.table is None) == (options.query is None):
        what = "a DuckDB file" if kind == "duckdb" else "postgresql"
        raise MappingError(f"{path}: {what} needs either `table` or `query`")
    if kind not in DATABASES and (options.table or options.query):
        raise MappingError(f"{path}: `table` and `query` are for DuckDB files, this is {kind}")
    if (kind == "postgresql") != (options.dsn_env is not None):
        raise MappingError(f"{path}: `dsn_env` is for postgresql, which needs it; this is {kind}")
    if kind == "duckdb" and options.is_url:
        raise MappingError(f"{path}: a DuckDB file must lie on this machine")
    if kind != "csv" and "csv" in values:
        raise MappingError(f"{path}: [csv] is for CSV files, this is {kind}")
    if options.extract == "full" and options.watermark is not None:
        raise MappingError(
            f"{path}: extract = 'full' reads all rows, watermark only new ones: give one of them"
        )
