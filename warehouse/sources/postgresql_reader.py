"""Read a table or a query of PostgreSQL through ADBC (optional).

The connection string comes from the environment variable that the mapping names, and goes nowhere
else: not into a message, a log or the catalogue.
"""

import os
import re
from dataclasses import replace
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import pyarrow as pa
import pyarrow.compute as pc

from warehouse import query
from warehouse.errors import MissingExtraError, SourceError
from warehouse.intake import LastBatch
from warehouse.sources.mapping import Mapping
from warehouse.sources.raw import RawTable, whole

_TYPE = b"POSTGRESQL:type"
_DAYS, _MICROSECONDS = 10_957, 10_957 * 86_400 * 10**6  # from 1970 to 2000, where PostgreSQL starts
_DATES = (-(2**31) + _DAYS - 1, -(2**31) + _DAYS), 2**31 - 1
_TIMES = (-(2**63) + _MICROSECONDS - 1, -(2**63) + _MICROSECONDS), 2**63 - 1
_INFINITIES = {"date": _DATES, "timestamp": _TIMES, "timestamptz": _TIMES}
"""What the driver makes of infinity and -infinity, and what Arrow and DuckDB mean by infinity."""


def read_postgresql(mapping: Mapping, last: LastBatch | None = None) -> RawTable:
    """Read the table or query in a transaction that cannot write.

    Raises:
        MissingExtraError: the ADBC driver is not installed.
        SourceError: the variable is not set, or the server refuses; without any secret.
    """
    name = mapping.options.dsn_env or ""
    dsn = os.environ.get(name)
    if not dsn:
        raise SourceError(
            f"{mapping.given_path}: the environment variable {name} is not set; it holds the "
            "connection string, such as postgresql://user:password@host/database"
        )
    driver = _driver(mapping)
    try:
        with driver.connect(dsn) as con, con.cursor() as cursor:
            cursor.execute("set transaction read only")
            seconds = mapping.options.query_seconds
            cursor.execute(f"set local statement_timeout = '{seconds}s'")
            cursor.execute(_statement(mapping))
            table = pa.table(cursor.fetch_arrow_table())
    except Exception as error:  # noqa: BLE001 - whatever it is, it may quote the string
        raise SourceError(
            f"{mapping.given_path}: PostgreSQL ({name}) says: {without_secrets(str(error), dsn)}"
        ) from None
    types = {f.name: (f.metadata or {}).get(_TYPE, b"").decode() for f in table.schema}
    for index, name in enumerate(table.column_names):
        table = table.set_column(index, name, _meant(table.column(index), types[name]))
    # Of money the driver gives hundredths, as integers.
    wordless = {name: "money" for name, told in types.items() if told == "money"}
    return replace(whole(table), wordless=wordless)


def _meant(values: pa.ChunkedArray, told: str) -> pa.ChunkedArray:
    """Undo what the driver makes of infinities (adbc-driver-postgresql 1.13)."""
    if told in _INFINITIES:
        number, (ends, meant) = pa.int32() if told == "date" else pa.int64(), _INFINITIES[told]
        numbers = pc.cast(values, pa.timestamp("us")) if told == "timestamptz" else values
        numbers = pc.cast(numbers, number)
        for end, sign in zip(ends, (1, -1), strict=True):
            numbers = pc.if_else(pc.equal(numbers, end), pa.scalar(sign * meant, number), numbers)
        return pc.cast(numbers, values.type)
    if told == "numeric":
        texts = pa.chunked_array([getattr(chunk, "storage", chunk) for chunk in values.chunks])
        is_number = pc.invert(pc.is_in(texts, pa.array(["nan", "inf", "-inf"])))
        return pc.if_else(is_number, texts, None)
    return values


def without_secrets(message: str, dsn: str) -> str:
    """Mask in a message the connection string and the password in it."""
    secrets = {dsn, *re.findall(r"password\s*=\s*'?([^\s'&]+)", dsn)}
    if password := (urlsplit(dsn).password if "://" in dsn else None):
        secrets |= {password, unquote(password), quote(unquote(password))}
    for secret in sorted(secrets, key=len, reverse=True):
        message = message.replace(secret, "***")
    return message


def _statement(mapping: Mapping) -> str:
    if mapping.options.query is not None:
        return mapping.options.query
    parts = (mapping.options.table or "").split(".")
    return "select * from " + ".".join(query.quote_name(part) for part in parts)


def _driver(mapping: Mapping) -> Any:
    try:
        from adbc_driver_postgresql import dbapi  # type: ignore[import-untyped]
    except ImportError:
        raise MissingExtraError(
            f"{mapping.given_path}: PostgreSQL needs the package adbc-driver-postgresql; "
            'install it with the extra: pip install "memory-tuning[postgresql]"'
        ) from None
    return dbapi
