"""What the warehouse raises. Every message says what was given, what was wanted, what to try.

All of them take one message, so that they pickle (Ray and Prefect ship exceptions); what programs
want of it lies beside it.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Where:
    """What an error is about, for programs: as much as is known of it."""

    file: str | None = None
    line: int | None = None
    row: int | None = None
    column: str | None = None
    key: str | None = None
    """Of a mapping."""
    setting: str | None = None
    source: str | None = None
    holder: str | None = None
    """The number of the process that holds what is needed."""
    run_key: str | None = None
    fact_ids: tuple[str, ...] | None = None


class WarehouseError(Exception):
    """Base of every error this package raises on purpose."""

    def __init__(self, message: object = "", *, where: Where | None = None) -> None:
        super().__init__(message)
        self.where = where or Where()


class RetryableError(WarehouseError):
    """The same call may work a moment later: another process holds what is needed."""


class UnknownQueryError(WarehouseError):
    """No .sql file has that name."""


class CatalogueLockedError(RetryableError):
    """Another process is writing to the catalogue."""


class CatalogueVersionError(WarehouseError):
    """The catalogue was written by a version of the schema that this code cannot read."""


class CatalogueDamagedError(WarehouseError):
    """The catalogue's file is not what DuckDB wrote; the message names the ways back."""


class CatalogueGoneError(WarehouseError):
    """A home that published something has no catalogue, or an older one; how to go on is named."""


class MappingError(WarehouseError, ValueError):
    """A mapping file cannot be used; the message names the key."""


class SourceError(WarehouseError):
    """A source as a whole cannot be read; the message names the file, and the column or row."""


class SourceBusyError(RetryableError, SourceError):
    """A DuckDB source is open for writing in another process."""


class ContractError(WarehouseError):
    """A batch breaks its source's contract; nothing of it was taken in."""


class MissingExtraError(SourceError):
    """A source needs an optional library that is not installed."""


class UnknownQuarantineError(WarehouseError):
    """No row in quarantine has that id, or it cannot be put right as asked."""


class RelationConflictError(WarehouseError):
    """Two sources declare one relation differently."""


class AccountingError(WarehouseError):
    """Rows came in that no status accounts for: a fault of ours, never of the input."""


class StaleDecisionsError(WarehouseError):
    """Claims were ingested after the last reconcile; publishing now would leave them out."""


class NoSnapshotError(WarehouseError):
    """Nothing was published yet."""


class NoHistoryError(NoSnapshotError):
    """No run was judged yet, so nothing is known of recall over time."""


class UnknownRunError(WarehouseError):
    """No judged run is meant by what was given."""


class OutsideHomeError(WarehouseError):
    """A file of a home names a path that leads out of it."""


class NotAFileError(WarehouseError):
    """What is to be written would replace a device, a pipe or a folder."""


class SnapshotDamagedError(WarehouseError):
    """A published snapshot is not what its manifest says."""


class CapacityError(WarehouseError):
    """There are more facts than groups to hold them."""


class UnknownClaimError(WarehouseError):
    """No claim has that id."""


class RetractionError(WarehouseError, ValueError):
    """Claims cannot be withdrawn as asked."""
