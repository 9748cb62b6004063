"""The slot that is to be forgotten, under all names of its subject."""

from dataclasses import dataclass

from flows.home.home import Home
from warehouse import tombstones
from warehouse.claims import read_same_as
from warehouse.tombstones import Tombstone


@dataclass(frozen=True, kw_only=True)
class Slot:
    """The fact to be forgotten, under all its subject's names."""

    subjects: tuple[str, ...]
    relation: str
    tombstones: tuple[Tombstone, ...]

    @property
    def fact_ids(self) -> tuple[str, ...]:
        return tuple(tombstone.fact_id for tombstone in self.tombstones)


def names(home: Home, subject: str) -> list[str]:
    """Return the subject's name and all others declared to be the same in the home."""
    path = home.same_as
    return tombstones.names_of(subject, read_same_as(path) if path.is_file() else {})
