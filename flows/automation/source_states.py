"""Where each source stands, and what one would give if it were taken in now."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from flows.home.home import Home
from warehouse import query
from warehouse.catalogue import open_catalogue
from warehouse.errors import MappingError
from warehouse.intake import LastBatch, last_batch
from warehouse.sources import Mapping, load_mapping, read_source
from warehouse.sources.preview import Preview, preview
from warehouse.sources.registry import find, registered

if TYPE_CHECKING:
    from flows.configuration.settings import Settings


@dataclass(frozen=True, kw_only=True)
class SourceState:
    """A registered source, and what its last ingest left."""

    name: str
    format: str
    path: str
    last_ingest: datetime | None
    num_rows: int
    num_quarantined: int
    watermark: str | None
    warnings: Sequence[str]
    is_fresh: bool | None
    """Whether nothing was written since; null where only reading would tell."""


@dataclass(frozen=True, kw_only=True)
class _LastIngest:
    """What the catalogue says of a source; as it is, of one that was never taken in."""

    last_ingest: datetime | None = None
    num_rows: int = 0
    num_quarantined: int = 0
    watermark: str | None = None
    warnings: Sequence[str] | None = None


def source_states(home: Home) -> list[SourceState]:
    """Return every registered source with its last ingest; nothing is read of the sources.

    Raises:
        MappingError: a registered mapping can no longer be used.
        CatalogueLockedError: another process is writing.
    """
    known: dict[str, _LastIngest] = {}
    if _is_there(home):
        with open_catalogue(home.warehouse) as con:
            rows = query.run(con, "source_states").to_pylist()
        known = {row.pop("source"): _LastIngest(**row) for row in rows}
    return [
        _state(mapping, known.get(mapping.name, _LastIngest()))
        for mapping in map(load_mapping, registered(home.sources))
    ]


def try_source(home: Home, name: str, *, limit: int) -> tuple[Mapping, Preview]:
    """Read a source and take it into a catalogue in memory.

    Raises:
        MappingError: there is no such source, or its mapping cannot be used.
        SourceError: it cannot be read.
    """
    mapping = load_mapping(find(home.sources, name))
    last: LastBatch | None = None
    if _is_there(home):
        with open_catalogue(home.warehouse) as con:
            last = last_batch(con, mapping.name)
    return mapping, preview(read_source(mapping, last), last, limit=limit)


def _is_there(home: Home) -> bool:
    return home.catalogue.is_file()


def _state(mapping: Mapping, known: _LastIngest) -> SourceState:
    return SourceState(
        name=mapping.name,
        format=mapping.format,
        path=mapping.given_path,
        last_ingest=known.last_ingest,
        num_rows=known.num_rows,
        num_quarantined=known.num_quarantined,
        watermark=known.watermark,
        warnings=known.warnings or (),
        is_fresh=_is_fresh(mapping, known.last_ingest),
    )


def _is_fresh(mapping: Mapping, last_ingest: datetime | None) -> bool | None:
    if last_ingest is None:
        return False
    if mapping.options.is_url or not mapping.options.location or not mapping.path.exists():
        return None
    files = mapping.path.rglob("*") if mapping.path.is_dir() else [mapping.path]
    written = max((file.stat().st_mtime for file in files), default=0.0)
    return datetime.fromtimestamp(written, tz=UTC).replace(tzinfo=None) <= last_ingest


def named_sources(settings: "Settings", *, even_broken: bool = False) -> dict[str, str]:
    """Return each source by name with its mapping file; none where the reference facts are meant.

    With `even_broken` a mapping that cannot be used goes by the name of its file.

    Raises:
        MappingError: a mapping can no longer be used, or two have one name.
    """
    files = list(settings.sources) or registered(settings.home.sources)
    found: dict[str, str] = {}
    for file in files:
        try:
            name = load_mapping(file).name
        except MappingError:
            if not even_broken:
                raise
            name = Path(file).stem
        if name in found:
            raise MappingError(f"{found[name]} and {file} both name their source {name!r}")
        found[name] = str(file)
    return found


def written_since_published(settings: "Settings") -> tuple[str, ...]:
    """Return the sources of which a file was written to after the facts were published."""
    from flows.automation.watching import files_of

    found = []
    for name, file in named_sources(settings, even_broken=True).items():
        try:
            published = settings.home.head.stat().st_mtime_ns
            files = files_of(load_mapping(Path(file))) or []
            if any(path.stat().st_mtime_ns > published for path in files):
                found.append(name)
        except (OSError, MappingError):  # status and source check tell of it
            continue
    return tuple(found)
