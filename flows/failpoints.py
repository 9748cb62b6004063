"""Named places of a run where a test can kill the process, to prove that it may die anywhere (I7).

LAMINI_FAILPOINT=update.after_checkpoint lamini run

The process ends at once with status 137, as if killed: no handler runs, nothing is flushed. Several
names are separated by commas. With LAMINI_FAILPOINT_ONCE=FOLDER only the first process that comes
there dies, and leaves a file of that name: a Ray worker is started again. With
LAMINI_FAILPOINT_VICTIM=parent the parent is killed instead, which of a served run is Prefect's
runner, and the run goes on. Those of the warehouse are in warehouse/failpoints.py.
"""

import os
import signal

NAMES = (
    "run.after_reconcile",
    "run.after_assign",
    "run.after_open",
    "worker.pretrain_router",
    "worker.tune_memory",
    "worker.before_checkpoint",
    "worker.measure_recall",
    "train_memory.before_receipt",
    "update_memory.before_receipt",
    "write_checkpoint.before_receipt",
    "measure_recall.before_receipt",
    "update.while_tuning",
    "update.after_checkpoint",
    "update.after_measuring",
    "promote.before_pointer",
    "promote.after_pointer",
    "promote.after_version",
    "promote.before_receipt",
    "run.before_end",
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
    if name in os.environ.get("LAMINI_FAILPOINT", "").split(",") and _is_first(name):
        if os.environ.get("LAMINI_FAILPOINT_VICTIM") == "parent":
            os.kill(os.getppid(), signal.SIGKILL)
        else:
            os._exit(137)


def _is_first(name: str) -> bool:
    once = os.environ.get("LAMINI_FAILPOINT_ONCE")
    if not once:
        return True
    try:
        os.close(os.open(f"{once}/{name}", os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True
