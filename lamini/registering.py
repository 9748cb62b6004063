"""Make a checkpoint a transformers model at `import lamini`, without importing transformers.

transformers knows no entry points, and importing its auto classes takes seconds, which no command
of a program should pay that loads no model. So our classes are registered when those auto classes
are imported, by whoever does it: a finder, asked for a module of the table below, lets the others
find it and adds to its loading the import of ours, which registers itself.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType

OURS = {
    "transformers.models.auto.configuration_auto": "lamini.registered_config",
    "transformers.models.auto.modeling_auto": "lamini.model.registered",
}
"""Which of our modules to import right after which of theirs."""


class _AfterImport:
    """A finder (see `sys.meta_path`) that finds nothing by itself."""

    def __init__(self) -> None:
        self.waiting = dict(OURS)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        ours = self.waiting.pop(name, None)
        if ours is None:
            return None
        from importlib.util import find_spec

        spec = find_spec(name)  # the other finders' answer: this one no longer waits for the name
        if spec is not None and spec.loader is not None:
            _then_import(spec.loader, ours)
        return spec


def _then_import(loader: object, ours: str) -> None:
    load = loader.exec_module  # type: ignore[attr-defined]

    def load_and_register(module: ModuleType) -> None:
        load(module)
        import_module(ours)

    # Of this one instance: a loader of ours around it would hide the file's source from tools.
    loader.exec_module = load_and_register  # type: ignore[attr-defined]


def register() -> None:
    """Register our classes with transformers: now where its auto classes are there, else then."""
    for theirs, ours in OURS.items():
        if theirs in sys.modules:
            import_module(ours)
    if not any(isinstance(finder, _AfterImport) for finder in sys.meta_path):
        sys.meta_path.insert(0, _AfterImport())
