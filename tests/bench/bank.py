"""The bank on disk by number of written experts: opening, reading, size, merging, memory.

    python -m tests.bench.bank [--quick]

Rank-1 experts of one memory layer at hidden size 192 (1,536 bytes each) in full groups of 32, and
keys of width 64. Every size is written to a temporary folder, and read in a process that does
nothing else, so that its resident memory is the bank's. The files have just been written: they are
in the system's page cache; `cold` drops them from it before the first read (posix_fadvise).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from lamini.bank.bank import Bank
from lamini.bank.group_table import GroupTable
from lamini.config import MemoryConfig
from tests.bench.measuring import conditions, resident_mib, show, spread

HIDDEN, GROUP, KEY_DIM = 192, 32, 64
GEOMETRY = MemoryConfig(num_experts=2**20, group_size=GROUP)
ROUNDS = 31
HEAD = (
    "experts", "MiB on disk", "bytes/expert", "write s", "open ms", "first 32 cold ms",
    "32 by number ms", "32 groups ms", "32 groups cached ms", "keys ms", "merge 1,000 s",
    "grown MiB", "after 20 merges: 32 ms", "resident MiB, open", "after reads",
)  # fmt: skip


def build(folder: Path, num_experts: int) -> float:
    """Write the experts a stretch at a time, then all keys; return the seconds."""
    bank = Bank(folder, GEOMETRY, HIDDEN)
    generator = torch.Generator().manual_seed(num_experts)
    start = time.perf_counter()
    for first in range(0, num_experts // GROUP, 2048):
        groups = range(first, min(first + 2048, num_experts // GROUP))
        block = torch.randn(len(groups), GROUP, bank.hidden_size, generator=generator)
        bank.write(dict(zip(groups, block, strict=True)), table(0))
    bank.write({}, table(num_experts // GROUP))
    return time.perf_counter() - start


def table(num_groups: int) -> GroupTable:
    """Return the keys of the first groups."""
    return GroupTable(
        group_index_G=torch.arange(num_groups),
        fact_ids=[f"fact-{g}" for g in range(num_groups)],
        num_experts_G=torch.full((num_groups,), GROUP),
        subjects=[f" subject {g} " for g in range(num_groups)],
        phrasings=[f"which what is the relation {g % 40} of" for g in range(num_groups)],
        training_hashes=[""] * num_groups,
        keys_GK=torch.randn(num_groups, KEY_DIM),
    )


def drop_from_page_cache(folder: Path) -> None:
    """Ask the system to forget the files' pages."""
    for path in folder.rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)


def timed(call: object) -> float:
    """Return the milliseconds of a call."""
    start = time.perf_counter()
    call()  # type: ignore[operator]
    return 1e3 * (time.perf_counter() - start)


def read(folder: Path, num_experts: int) -> None:
    """Measure one bank and print the numbers as JSON; runs in a process of its own."""
    torch.set_num_threads(1)
    drop_from_page_cache(folder)
    bank = Bank(folder, GEOMETRY, HIDDEN)
    generator = torch.Generator().manual_seed(1)

    def some(number: int, below: int) -> list[int]:
        return torch.randint(below, (number,), generator=generator).tolist()

    before = resident_mib()
    numbers: dict[str, object] = {"open": f"{timed(bank.open):.0f}"}
    numbers["resident"] = f"{before:.0f} + {resident_mib() - before:.0f}"
    numbers["first"] = f"{timed(lambda: bank.read_experts(some(32, num_experts))):.0f}"
    by_number = [timed(lambda: bank.read_experts(some(32, num_experts))) for _ in range(ROUNDS)]
    numbers["by_number"] = spread(by_number, 1)
    drawn = [some(32, num_experts // GROUP) for _ in range(ROUNDS)]
    numbers["groups"] = spread([timed(lambda g=g: bank.read(g)) for g in drawn], 1)
    numbers["cached"] = spread([timed(lambda: bank.read(drawn[-1])) for _ in range(ROUNDS)], 1)
    numbers["after"] = f"{resident_mib() - before:.0f}"
    numbers["keys"] = f"{timed(bank.group_table):.0f}"
    keys, size, merges = bank.group_table(), size_mib(folder / "experts.lance"), []
    for turn in range(20):
        changed = {g: torch.randn(GROUP, bank.hidden_size) for g in range(turn, turn + 31)}
        merges.append(timed(lambda c=changed: bank.write(c, keys)) / 1e3)  # 992 experts
        if not turn:
            numbers["grown"] = f"{size_mib(folder / 'experts.lance') - size:.2f}"
    numbers["merge"] = spread(merges, 2)
    bank.read_experts([0])
    by_number = [timed(lambda: bank.read_experts(some(32, num_experts))) for _ in range(ROUNDS)]
    numbers["merged"] = spread(by_number, 1)
    print(json.dumps(numbers))


def size_mib(folder: Path) -> float:
    """Return the size of all files."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20


def main() -> None:
    """Measure every size and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--exponents", type=int, nargs="+", help="sizes as powers of two")
    parser.add_argument("--read", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.read:
        return read(Path(arguments.read[0]), int(arguments.read[1]))
    torch.set_num_threads(1)
    conditions()
    rows = []
    sizes = (10, 14) if arguments.quick else (10, 12, 14, 16, 18, 20)
    for exponent in arguments.exponents or sizes:
        with tempfile.TemporaryDirectory() as folder:
            bank, experts = Path(folder) / "bank", 2**exponent
            written = build(bank, experts)
            size = size_mib(bank / "experts.lance")
            command = [sys.executable, "-m", "tests.bench.bank", "--read", str(bank), str(experts)]
            out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            n = json.loads(out.splitlines()[-1])
        rows.append(
            [
                f"{experts:,}", f"{size:.1f}", f"{size * 2**20 / experts:.0f}", f"{written:.1f}",
                n["open"], n["first"], n["by_number"], n["groups"], n["cached"], n["keys"],
                n["merge"], n["grown"], n["merged"], n["resident"], n["after"],
            ]
        )  # fmt: skip
        print(rows[-1], flush=True)
    show("The bank by written experts (keys: one a group of 32)", HEAD, rows)
    return None


if __name__ == "__main__":
    main()
