"""The promoted checkpoint as an MLflow model: answers with provenance, for `mlflow models serve`.

    mlflow models serve -m models:/lamini@champion --env-manager local

The weights stay in the checkpoint's folder; what MLflow keeps is this program's name, the folder,
a signature and an example. A home that was moved is named by LAMINI_HOME.
"""

import contextlib
import logging
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.errors import NothingYetError

if TYPE_CHECKING:
    from lamini.model import MemoryModel
    from warehouse.snapshots import Snapshot

BATCH = 64
"""Prompts answered at once."""
EXAMPLE = {"prompt": ["What is the ISO 3166-1 alpha-3 code of Bolivia?"]}


class ServedModel:
    """One checkpoint with the snapshot that it was trained on, ready to answer."""

    def __init__(self, checkpoint: Path, warehouse: Path) -> None:
        """Load the checkpoint.

        Raises:
            NothingYetError: the folder is gone.
        """
        from lamini import load

        if not (checkpoint / "checkpoint.json").is_file():
            raise NothingYetError(
                f"the checkpoint {checkpoint} is not there; if the home was moved, name it by "
                "LAMINI_HOME, if it was removed, serve models:/lamini@champion"
            )
        self.model: MemoryModel = load(checkpoint)
        self.snapshot = _snapshot(warehouse, str(self.model.manifest["snapshot_hash"]))

    def answer(
        self, prompts: Sequence[str], *, strict: bool = False, refusal: str = ""
    ) -> list[dict[str, Any]]:
        """Answer every prompt, each with where its answer comes from.

        `strict` answers from memory only where no doubt is left; `refusal` is said where nothing is
        read, if it is not empty.
        """
        from flows.promotion.asking import explain_answer

        found = []
        for start in range(0, len(prompts), BATCH):
            batch = [str(prompt) for prompt in prompts[start : start + BATCH]]
            answers = self.model.answer(batch, strict=strict, refusal=refusal or None)
            for prompt, answer in zip(batch, answers, strict=True):
                asked = asdict(explain_answer(self.snapshot, prompt, answer))
                found.append(_plain({**asked, "fact_ids": list(answer.fact_ids)}))
        return found


def open_served(config: Mapping[str, Any]) -> ServedModel:
    """Open the checkpoint that a saved model names."""
    home = Path(os.environ.get("LAMINI_HOME") or config["home"])
    return ServedModel(home / config["checkpoint"], home / "warehouse")


def prompts_of(given: Any) -> list[str]:
    """Return the prompts of what the scoring server, or a caller, hands over."""
    if hasattr(given, "columns"):  # a DataFrame
        column = "prompt" if "prompt" in given.columns else given.columns[0]
        return [str(prompt) for prompt in given[column]]
    if isinstance(given, Mapping):
        given = given["prompt"]
    if isinstance(given, str):
        return [given]
    return [str(item["prompt"] if isinstance(item, Mapping) else item) for item in given]


@contextlib.contextmanager
def saved_model(checkpoint: Path) -> Iterator[Path]:
    """Have the files of the checkpoint's MLflow model for as long as the block lasts."""
    import mlflow
    import mlflow.pyfunc

    home = checkpoint.parents[2]
    logging.getLogger("mlflow.pyfunc").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        mlflow.pyfunc.save_model(
            path=str(path),
            python_model=str(Path(__file__).with_name("serving_model.py")),
            model_config={"home": str(home), "checkpoint": str(checkpoint.relative_to(home))},
            signature=_signature(),
            input_example=EXAMPLE,
            # It runs where this package is installed; an environment made by MLflow lacks it.
            pip_requirements=[f"mlflow=={mlflow.__version__}"],
        )
        yield path


def _signature() -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types.schema import AnyType, Array, ColSpec, ParamSchema, ParamSpec, Schema

    def column(kind: Any, name: str, required: bool = True) -> ColSpec:
        return ColSpec(kind, name, required=required)

    prompts: list[Any] = [column("string", "prompt")]
    answers: list[Any] = [
        column("string", "prompt"),
        column("string", "answer"),
        column("boolean", "from_memory"),
        column("long", "group", required=False),
        column(Array("long"), "experts"),
        column(Array("string"), "fact_ids"),
        column("double", "score"),
        column("double", "margin"),
        column(Array(AnyType()), "facts"),
        column(Array(AnyType()), "rows"),
        column("string", "table_answer", required=False),
        column("boolean", "table_agrees", required=False),
    ]
    return ModelSignature(
        inputs=Schema(prompts),
        outputs=Schema(answers),
        params=ParamSchema(
            [ParamSpec("strict", "boolean", False), ParamSpec("refusal", "string", "")]
        ),
    )


def _snapshot(warehouse: Path, known: str) -> "Snapshot":
    from warehouse.errors import WarehouseError
    from warehouse.snapshots import head, open_snapshot

    try:
        return open_snapshot(warehouse / "snapshots" / known[:16])
    except WarehouseError:  # it was cleared away: the newest one still names most facts
        return head(warehouse)


def _plain(value: Any) -> Any:
    """Give dates as text, so that JSON takes them."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
