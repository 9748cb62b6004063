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

    A table without the feed is read whole at each new version: rows known before are duplicates.

    Raises:
        MissingExtraError: the package deltalake is not installed.
        SourceError: it is no Delta table, or cannot be read.
    """
    try:
        table = _open(mapping)
        version = int(table.version())
        if mapping.options.watermark != "version" or last is None or last.version is None:
            return whole(_whole(table), version=version)
        if last.version > version:
            raise SourceError(
                f"{mapping.given_path}: version {version} comes before {last.version}, which was "
                "taken in last; was the table made anew? Then give the source another name"
            )
        if last.version == version:
            return whole(_whole(table).slice(0, 0), version=version)
        return _changes(table, last.version + 1, version)
    except SourceError:
        raise
    except Exception as error:
        raise SourceError(f"{mapping.given_path}: not a readable Delta table ({error})") from error


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


def _changes(table: Any, first: int, final: int) -> RawTable:
    if table.metadata().configuration.get("delta.enableChangeDataFeed") != "true":
        return whole(_whole(table), version=final)
    feed = without_views(pa.table(table.load_cdf(starting_version=first, ending_version=final)))
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
