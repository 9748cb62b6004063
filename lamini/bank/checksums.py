"""Tell damage of a bank's files before it answers: a checksum for each group, one of the keys.

The table of keys has a column of the checksums of the experts; a checkpoint's manifest has the hash
of the table's files. So whatever is read is compared with what was written, at no more cost than
what is read: a group when its experts are, the table when it is opened.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import lance
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch

from lamini.errors import BankError

COLUMN = "checksum"
_HEAL = "restore the checkpoint from a backup, or train it again"
Numbers = npt.NDArray[np.int64]


def checksum(experts_AD: torch.Tensor) -> int:
    """Return the checksum of a group's experts, in order of their numbers."""
    rows = np.ascontiguousarray(experts_AD.detach().to(torch.float32).numpy())
    digest = hashlib.blake2b(rows.data if rows.size else b"", digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)


class Checksums:
    """The checksums of all groups of one version of the table."""

    def __init__(self, groups: Numbers, checksums: Numbers) -> None:
        self._groups = groups
        self._checksums = checksums

    @classmethod
    def none(cls) -> "Checksums":
        """Return those of a table that was never written."""
        return cls(np.empty(0, np.int64), np.empty(0, np.int64))

    @classmethod
    def of_table(cls, keys: lance.LanceDataset) -> "Checksums":
        """Return those that the table of keys has."""
        columns = keys.to_table(columns=["group_index", COLUMN])
        return cls(columns["group_index"].to_numpy(), columns[COLUMN].to_numpy())

    def differing(self, groups: Sequence[int], experts: Sequence[torch.Tensor]) -> list[int]:
        """Return those of the groups, with the experts that were read, that are not as written."""
        found = zip(groups, experts, strict=True)
        return [g for g, rows in found if self.of(g) not in (None, checksum(rows))]

    def of(self, group: int) -> int | None:
        """Return the checksum of one group; None where the table has none of it."""
        place = int(np.searchsorted(self._groups, group))
        if place == len(self._groups) or self._groups[place] != group:
            return None
        return int(self._checksums[place])

    def column(self, groups: Sequence[int], written: Mapping[int, torch.Tensor]) -> pa.Array:
        """Return the column for these groups, of which some are written anew."""
        new = {group: checksum(rows) for group, rows in written.items()}
        none = checksum(torch.empty(0, 0))
        sums = [new[g] if g in new else self.of(g) for g in groups]
        return pa.array([none if one is None else one for one in sums], pa.int64())


def keys_sha256(keys: lance.LanceDataset) -> str:
    """Return the hash of the files that hold this version of the table of keys.

    A version of it is written whole, so there are no files of deletions beside.

    Raises:
        BankError: a file of it is not there.
    """
    digest = hashlib.sha256()
    for fragment in keys.get_fragments():
        for data in fragment.data_files():
            path = Path(keys.uri) / "data" / data.path
            try:
                with path.open("rb") as file:
                    digest.update(hashlib.file_digest(file, "sha256").digest())
            except OSError as error:
                raise BankError(f"{path} of the bank cannot be read ({error}); {_HEAL}") from error
    return digest.hexdigest()


def damaged(folder: Path, what: str) -> BankError:
    """Return the error that says what is not as it was written."""
    return BankError(f"{folder} is damaged: {what}; {_HEAL}")


@contextmanager
def reading(folder: Path) -> Iterator[None]:
    """Name as damage what Lance meets in files that it cannot read."""
    try:
        yield
    except BankError:
        raise
    except (OSError, ValueError, KeyError, RuntimeError, pa.ArrowException) as error:
        raise damaged(folder, f"{error}".splitlines()[0][:300]) from error
    except BaseException as error:
        # Lance is written in Rust: what it holds for impossible ends in a panic.
        if type(error).__name__ != "PanicException":
            raise
        raise damaged(folder, f"{error}".splitlines()[0][:300]) from error
