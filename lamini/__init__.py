"""Language models that state the facts of tables: a frozen backbone with a bank of experts."""

from typing import TYPE_CHECKING, Any

from lamini.registering import register

if TYPE_CHECKING:
    from lamini.model.answer import Answer
    from lamini.model.memory_model import MemoryModel

__all__ = ["Answer", "MemoryModel", "load"]


def load(*args: Any, **kwargs: Any) -> "MemoryModel":
    """Return the model of a checkpoint folder; see `lamini.model.loading.load`."""
    from lamini.model.loading import load as load_model

    return load_model(*args, **kwargs)


register()
