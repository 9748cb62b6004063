"""The steps of a run, each of which leaves a receipt of its name."""

from itertools import chain

STEPS = {
    "full": ("train_memory", "write_checkpoint", "measure_recall", "gate", "promoted"),
    "incremental": ("update_memory", "write_checkpoint", "measure_recall", "gate", "promoted"),
}
"""The receipts that a run leaves, in their order."""
ALL_STEPS = tuple(dict.fromkeys(chain.from_iterable(STEPS.values())))
