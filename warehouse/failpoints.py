"""Named places where a test can kill the process, to prove that it may die anywhere (I7).

    LAMINI_FAILPOINT=publish.before_head lamini reconcile

The process ends at once with status 137, as if killed: no handler runs, nothing is flushed.
"""

import os

NAMES = (
    "catalogue.before_commit",
    "ingest.after_stage",
    "ingest.before_commit",
    "ingest.after_commit",
    "replay.before_commit",
    "retract.before_commit",
    "reconcile.before_commit",
    "reconcile.after_commit",
    "publish.after_files",
    "publish.before_rename",
    "publish.before_head",
    "publish.after_head",
    "assign.before_commit",
    "assign.before_file",
)
REWRITE = ("rewrite.before_rename",)
"""Of what a person asks for, not of every run."""


def reach(name: str) -> None:
    """Die here if the environment names this place."""
    assert name in NAMES + REWRITE, name
    if os.environ.get("LAMINI_FAILPOINT") == name:
        os._exit(137)
