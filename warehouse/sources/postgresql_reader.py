"""Read a table or a query of PostgreSQL through ADBC (optional).

The connection string comes from the environment variable that the mapping names, and goes nowhere
else: not into a message, a log or the catalogue.
"""

import os
import re
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import pyarrow as pa

from warehouse import query
from warehouse.errors import MissingExtraError, SourceError
from warehouse.intake import LastBatch
from warehouse.sources.mapping import Mapping
from warehouse.sources.raw import RawTable, whole


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
            return whole(pa.table(cursor.fetch_arrow_table()))
    except Exception as error:  # noqa: BLE001 - whatever it is, it may quote the string
        raise SourceError(
            f"{mapping.given_path}: PostgreSQL ({name}) says: {without_secrets(str(error), dsn)}"
        ) from None


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
