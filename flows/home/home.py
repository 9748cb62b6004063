"""Where everything of one home lies: the only place that puts its paths together.

A path that a file of the home tells, and that leads out of it, is an `OutsideHomeError`.
"""

from dataclasses import dataclass
from pathlib import Path

from warehouse.within import within


@dataclass(frozen=True)
class Home:
    """The folder that holds all state; nothing of it need be there yet."""

    path: Path

    def __str__(self) -> str:
        """Return the folder as text."""
        return str(self.path)

    @property
    def warehouse(self) -> Path:
        """The folder of the catalogue and of what is published."""
        return self.path / "warehouse"

    @property
    def catalogue(self) -> Path:
        """The catalogue's database; it has one writer."""
        return self.warehouse / "catalogue.duckdb"

    @property
    def head(self) -> Path:
        """The file that names the newest snapshot."""
        return self.warehouse / "HEAD.json"

    @property
    def snapshots(self) -> Path:
        """One folder for each published snapshot, named by the beginning of its hash."""
        return self.warehouse / "snapshots"

    def snapshot(self, snapshot_hash: object) -> Path:
        """Return the folder of the snapshot of that hash."""
        return within(self.snapshots, str(snapshot_hash)[:16])

    @property
    def assignments(self) -> Path:
        """The assignments that the catalogue made; each run keeps a copy of its own."""
        return self.warehouse / "assignments"

    @property
    def runs(self) -> Path:
        """One folder for each run, named by its run key."""
        return self.path / "runs"

    def run(self, key: object) -> Path:
        """Return the folder of the run of that key."""
        return within(self.runs, str(key))

    def checkpoint(self, told: object) -> Path:
        """Return the folder of a checkpoint that the pointer tells of, relative to the home.

        Nor may a link in it lead out of the home: an update would write there.
        """
        folder = within(self.path, str(told))
        for path in folder.rglob("*"):
            if path.is_symlink():
                within(self.path, str(path.relative_to(self.path)))
        return folder

    @property
    def pointer(self) -> Path:
        """The file that names the champion and those before it."""
        return self.path / "HEAD_CHECKPOINT.json"

    @property
    def run_record(self) -> Path:
        """The file that tells which run works here, and how the last one ended."""
        return self.path / "run.json"

    @property
    def pending(self) -> Path:
        """The file that tells since when the model is behind its tables."""
        return self.path / "pending.json"

    @property
    def flow_runs(self) -> Path:
        """Which process works on which flow run of Prefect: a file each."""
        return self.path / "flow_runs"

    @property
    def sources(self) -> Path:
        """The registered mappings."""
        return self.path / "sources"

    @property
    def same_as(self) -> Path:
        """The file of names that are declared to be one subject."""
        return self.path / "same_as.toml"

    @property
    def watched(self) -> Path:
        """What the files of sources were when they were last taken in."""
        return self.path / "watched"

    @property
    def backfills(self) -> Path:
        """Which days of each range are done."""
        return self.path / "backfills"

    @property
    def measured(self) -> Path:
        """What was measured of champions since they were promoted."""
        return self.path / "measured"

    def journal(self, purged_id: str) -> Path:
        """Return the file of what a purge looks for, for as long as it works."""
        return self.path / f"forgetting-{purged_id}.json"

    def lock(self, name: str) -> Path:
        """Return the file that is locked by whoever does what `name` stands for."""
        return self.path / f"{name}.lock"
