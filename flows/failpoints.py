"""Named places of a run where a test can kill the process, to prove that it may die anywhere (I7).

LAMINI_FAILPOINT=update.after_checkpoint lamini run

The process ends at once with status 137, as if killed: no handler runs, nothing is flushed. Those
of the warehouse are in warehouse/failpoints.py.
"""

import os

NAMES = (
    "update.while_tuning",
    "update.after_checkpoint",
    "update.after_measuring",
    "promote.before_pointer",
    "promote.after_pointer",
)


def reach(name: str) -> None:
    """Die here if the environment names this place."""
    assert name in NAMES, name
    if os.environ.get("LAMINI_FAILPOINT") == name:
        os._exit(137)
