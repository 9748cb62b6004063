"""Read a Delta table, whole or what was inserted since a version, through delta-rs (optional)."""

from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from warehouse import query
from warehouse.errors import MissingExtraError, SourceError
from warehouse.intake import LastBatch
from warehouse.sources.mapping import Mapping
from warehouse.sources.raw import RawTable, whole, without_views

_FEED = ("_change_type", "_commit_version", "_commit_timestamp")


def read_delta(mapping: Mapping, last: LastBatch | None = None) -> RawTable:
    """Read the table; with `watermark = "version"`, what its change data feed says has changed.

    Where no feed tells of all that changed since (there is none, the log was cleaned up, the table
    was made anew), it is read whole, and what it no longer holds is withdrawn.

    Raises:
        MissingExtraError: the package deltalake is not installed.
        SourceError: it is no Delta table, or cannot be read.
    """
    try:
        table = _open(mapping)
        version, made = int(table.version()), str(table.metadata().id)
        raw = _read(mapping, table, version, made, last)
    except SourceError:
        raise
    except Exception as error:
        raise SourceError(f"{mapping.given_path}: not a readable Delta table ({error})") from error
    if mapping.options.watermark != "version":
        return raw
    return replace(raw, watermark=f"{version} of table {made}")


def _read(
    mapping: Mapping, table: Any, version: int, made: str, last: LastBatch | None
) -> RawTable:
    if mapping.options.watermark != "version" or last is None or last.version is None:
        return whole(_whole(table), version=version)
    if made not in (last.watermark or ""):
        return _as_full(table, version, "the table was made anew")
    if last.version > version:
        raise SourceError(
            f"{mapping.given_path}: version {version} comes before {last.version}, which was "
            "taken in last; was an old copy put back? Then give the source another name"
        )
    if last.version == version:
        return whole(_whole(table).slice(0, 0), version=version)
    if table.metadata().configuration.get("delta.enableChangeDataFeed") != "true":
        return _as_full(table, version, "the table has no change data feed")
    try:
        feed = _feed(table, last.version + 1, version)
    except Exception as error:  # noqa: BLE001 - of many kinds; what cannot be read fails below, too
        why = f"the change data feed does not reach back to version {last.version + 1} ({error})"
        return _as_full(table, version, why)
    return _changes(feed, version)


def _as_full(table: Any, version: int, why: str) -> RawTable:
    told = f"{why}: it was read whole, and what it no longer holds was withdrawn"
    return replace(whole(_whole(table), version=version), is_full=True, told=(told,))


def _open(mapping: Mapping) -> Any:
    try:
        from deltalake import DeltaTable
    except ImportError:
        raise MissingExtraError(
            f"{mapping.given_path}: Delta tables need the package deltalake; "
            'install it with the extra: pip install "memory-tuning[delta]"'
        ) from None
    if not mapping.options.is_url and not (mapping.path / "_delta_log").is_dir():
        raise SourceError(
            f"{mapping.given_path}: no Delta table: there is no folder _delta_log in it "
            f"(path in {mapping.file})"
        )
    return DeltaTable(mapping.options.location)


def _whole(table: Any) -> pa.Table:
    return without_views(table.to_pyarrow_table())


def _feed(table: Any, first: int, final: int) -> pa.Table:
    return without_views(pa.table(table.load_cdf(starting_version=first, ending_version=final)))


def _changes(feed: pa.Table, final: int) -> RawTable:
    told = pa.table(
        {
            "data": feed.drop_columns(list(_FEED)).to_struct_array(),
            "kind": pc.cast(feed["_change_type"], pa.string()),
            "version": feed["_commit_version"],
        }
    )
    with query.connect() as con:
        con.register("feed", told)
        net = query.run(con, "delta_feed")
    rows = pa.Table.from_batches(
        [pa.RecordBatch.from_struct_array(chunk) for chunk in net["data"].chunks],
        schema=pa.schema(list(net["data"].type)),
    )
    came = whole(rows.filter(net["is_present"]), version=final)
    return replace(came, removed=rows.filter(pc.invert(net["is_present"])))
