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
FORGET = (
    "forget.after_publishing",
    "purge.after_catalogue",
    "purge.after_rewriting",
    "purge.after_pointer",
    "purge.while_removing",
    "purge.after_scrubbing",
    "gc.after_pointer",
    "gc.while_removing",
)
"""Those of `lamini forget` and `lamini gc`."""


def reach(name: str) -> None:
    """Die here if the environment names this place."""
    assert name in NAMES + FORGET, name
    if os.environ.get("LAMINI_FAILPOINT") == name:
        os._exit(137)
