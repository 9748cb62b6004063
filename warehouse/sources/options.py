r"""Read where a table lies and how it is read.

path = "prices/*.csv"         # a file, a folder, a glob, or s3://, gs://, file://
format = "csv"                # where the name does not tell
extract = "full"              # it holds all that the source asserts: what is gone is withdrawn
max_mib = 512                 # text that holds more is refused, what is gzipped included
max_columns = 2000            # so is a table of more columns
nulls = ["n/a", ".."]         # cells that hold just this are empty
watermark = "updated"         # or: only rows beyond the greatest value so far are read
[csv]
delimiter = ";"
encoding = "latin-1"
header = false
columns = ["sku", "price"]    # names, where there is no header
escape = "\\"                 # before a quote that does not end its cell
skip = 3                      # lines before the header
skip_below = 1                # lines below it, such as units
comment = "#"                 # lines that begin with it are left out

path = "shop.duckdb"          # a database needs one of
table = "main.prices"
query = "select ..."
query_seconds = 300           # what takes longer is interrupted
query_memory_mib = 2048       # what needs more is refused, rows that come out included

format = "postgresql"
dsn_env = "SHOP_DSN"          # the environment variable that holds the connection string
table = "prices"

path = "lake/prices"
format = "delta"
watermark = "version"         # only what was inserted since the last version is read
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from warehouse.claims import EXTRACTS
from warehouse.nearest import hint
from warehouse.sources.tables import Count, Flag, Table, Text, Texts, one_of, refused, wanted
from warehouse.within import expanded

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


def _character(value: object) -> str:
    if not isinstance(value, str) or len(value) != 1 or ord(value) > 127 or value in "\r\n\0":
        raise wanted("must be one ASCII character")
    return value


def _quote(value: object) -> str | None:
    return _character(value) if value else None


def _encoding(value: str) -> str:
    try:
        "a".encode(value)  # which rot13 and base64 refuse
        return codecs.lookup(value).name
    except (LookupError, ValueError):
        raise wanted("is no encoding; such as utf-8, latin-1, utf-16") from None


QUERY_SECONDS = 300
_LONGEST_QUERY_SECONDS = 24 * 3600
QUERY_MEMORY_MIB = 2048
_LARGEST_QUERY_MEMORY_MIB = 1024 * 1024
MAX_MIB = 512
_LARGEST_MIB = 64 * 1024
MAX_COLUMNS = 2000
_MOST_COLUMNS = 100_000


def _between(least: int, most: int) -> BeforeValidator:
    def check(value: object) -> int:
        if type(value) is not int or not least <= value <= most:
            raise wanted(f"must be a whole number from {least} to {most}")
        return value

    return BeforeValidator(check)


class CsvOptions(Table):
    """How a CSV file is written."""

    delimiter: Annotated[str, BeforeValidator(_character)] = ","
    encoding: Annotated[Text, AfterValidator(_encoding)] = "utf-8"
    header: Flag = True
    columns: Texts = ()
    """Their names, where there is no header."""
    quote: Annotated[str | None, BeforeValidator(_quote)] = '"'
    escape: Annotated[str | None, BeforeValidator(_quote)] = None
    """What takes a quote or a delimiter after it for a letter."""
    skip: Count = 0
    """Lines before the header, or before the first row."""
    skip_below: Count = 0
    """Lines below the header that are no rows, such as units."""
    comment: Text | None = None
    """Lines that begin with it are left out."""

    @model_validator(mode="after")
    def _has_names(self) -> "CsvOptions":
        if self.header == bool(self.columns):
            want = "leave out csv.columns" if self.header else "name the columns in csv.columns"
            raise refused(f"csv.header = {str(self.header).lower()}: {want}")
        return self


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
    query_seconds: int = QUERY_SECONDS
    """How long a database may take over it."""
    query_memory_mib: int = QUERY_MEMORY_MIB
    """How much memory DuckDB may take over it, and its rows after it."""
    dsn_env: str | None = None
    """The environment variable that holds the connection string: never the string itself."""
    extract: str = "incremental"
    watermark: str | None = None
    max_mib: int = MAX_MIB
    """How much text a file may hold, unpacked."""
    max_columns: int = MAX_COLUMNS
    nulls: tuple[str, ...] = ()
    """Texts that stand for no value."""
    csv: CsvOptions = field(default_factory=CsvOptions)

    @property
    def is_url(self) -> bool:
        """Whether it is read through an object store."""
        return is_url(self.location)


def is_url(location: str) -> bool:
    """Say whether a location is a URL."""
    return _URL.match(location) is not None


def is_table(path: Path) -> bool:
    """Say whether a path is a table's by its name: a file of a format, or a folder of such."""
    return format_of(str(path)) is not None or path.is_dir()


def format_of(given: str) -> str | None:
    """Return the format that a path's last suffix tells; null where it tells none."""
    suffixes = Path(given.rstrip("/")).suffixes
    if suffixes and suffixes[-1].lower() == ".gz":
        suffixes = suffixes[:-1]
    return FORMATS.get(suffixes[-1].lower()) if suffixes else None


def _path(given: str) -> str:
    if "\0" in given:
        raise wanted("holds a NUL")
    if not is_url(given):
        return given
    url = urlsplit(given)
    if url.username or url.password or "@" in url.netloc:
        raise refused(
            "the path holds credentials; a mapping is kept and shown: give them in the "
            "environment (AWS_ACCESS_KEY_ID, GOOGLE_APPLICATION_CREDENTIALS, `dsn_env`)"
        )
    if url.scheme not in SCHEMES:
        near = hint(url.scheme, SCHEMES, what="there are")
        raise refused(f"the scheme of path = {url.scheme!r}{near}")
    return given


def _variable(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        # The value may be the secret itself, so it is not shown.
        raise refused(
            "dsn_env must be the name of an environment variable, such as SHOP_DSN; "
            "the connection string itself stays out of files"
        )
    return name


class LocatedTable(Table):
    """The keys at the top of a mapping file that say where its table lies and how it is read."""

    path: Annotated[Text, AfterValidator(_path)] | None = None
    format: one_of(NAMES) | None = None  # type: ignore[valid-type]
    table: Text | None = None
    query: Text | None = None
    query_seconds: Annotated[int, _between(1, _LONGEST_QUERY_SECONDS)] = QUERY_SECONDS
    query_memory_mib: Annotated[int, _between(16, _LARGEST_QUERY_MEMORY_MIB)] = QUERY_MEMORY_MIB
    dsn_env: Annotated[Text, AfterValidator(_variable)] | None = None
    extract: one_of(EXTRACTS) = "incremental"  # type: ignore[valid-type]
    watermark: Text | None = None
    max_mib: Annotated[int, _between(1, _LARGEST_MIB)] = MAX_MIB
    max_columns: Annotated[int, _between(1, _MOST_COLUMNS)] = MAX_COLUMNS
    nulls: Texts = ()
    csv: CsvOptions = Field(default_factory=CsvOptions)

    @property
    def kind(self) -> str:
        """The format, told or seen from the path."""
        return str(self.format or _format(self.path or ""))

    @model_validator(mode="after")
    def _go_together(self) -> "LocatedTable":
        for is_wrong, what in self._clashes():
            if is_wrong:
                raise refused(what)
        return self

    def _clashes(self) -> Iterator[tuple[bool, str]]:
        is_postgresql = self.format == "postgresql"
        yield not is_postgresql and self.path is None, "path is required"
        yield (
            is_postgresql and self.path is not None,
            "postgresql has no path; give `dsn_env` and `table` or `query`",
        )
        kind, is_database = self.kind, self.kind in DATABASES
        what = "a DuckDB file" if kind == "duckdb" else "postgresql"
        both = (self.table is None) == (self.query is None)
        yield is_database and both, f"{what} needs either `table` or `query`"
        yield (
            not is_database and bool(self.table or self.query),
            f"`table` and `query` are for DuckDB files, this is {kind}",
        )
        bounds = {"query_seconds", "query_memory_mib"} & self.model_fields_set
        yield (
            bool(bounds) and not is_database,
            f"`query_seconds` and `query_memory_mib` are for databases, this is {kind}",
        )
        yield (
            is_postgresql and "query_memory_mib" in bounds,
            "`query_memory_mib` is for DuckDB files; PostgreSQL has a `work_mem` of its own",
        )
        yield (
            is_postgresql != (self.dsn_env is not None),
            f"`dsn_env` is for postgresql, which needs it; this is {kind}",
        )
        yield (
            kind == "duckdb" and is_url(self.path or ""),
            "a DuckDB file must lie on this machine",
        )
        yield (
            kind != "csv" and "csv" in self.model_fields_set,
            f"[csv] is for CSV files, this is {kind}",
        )
        yield (
            self.extract == "full" and self.watermark is not None,
            "extract = 'full' reads all rows, watermark only new ones: give one of them",
        )

    def options(self, file: Path) -> Options:
        """Return them with the path made absolute, from the folder of the mapping file."""
        given = self.path or f"postgresql {self.table or 'query'}"
        location = given if is_url(given) else str((file.parent / expanded(given)).absolute())
        is_tsv = ".tsv" in Path(given).suffixes and "delimiter" not in self.csv.model_fields_set
        return Options(
            given=given,
            # Not resolve(): a loop of links is the reader's to report.
            location="" if self.kind == "postgresql" else location,
            format=self.kind,
            table=self.table,
            query=self.query,
            query_seconds=self.query_seconds,
            query_memory_mib=self.query_memory_mib,
            dsn_env=self.dsn_env,
            extract=self.extract,
            watermark=self.watermark,
            max_mib=self.max_mib,
            max_columns=self.max_columns,
            nulls=self.nulls,
            csv=self.csv.model_copy(update={"delimiter": "\t"}) if is_tsv else self.csv,
        )


def _format(given: str) -> str:
    found = format_of(given)
    if found is None:
        raise refused(
            f"cannot tell the format of {Path(given).name}; set format to one of "
            f"{', '.join(sorted(NAMES))}"
        )
    return found
