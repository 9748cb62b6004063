"""The promoted checkpoint as an MLflow model: answers with provenance, for `mlflow models serve`.

    mlflow models serve -m models:/lamini@champion --env-manager local

The weights stay in the checkpoint's folder; what MLflow keeps is this program's name, the folder,
the bounds of what it takes, a signature and an example. Of a home that was moved or copied, its
own is served; LAMINI_HOME names another. MLFLOW_PYFUNC_INFERENCE_CONFIG='{"max_prompts": 50}' sets
another bound.
"""

import contextlib
import logging
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from flows.configuration.on_mismatch import OnMismatch
from flows.configuration.serving import Serving

EXAMPLE = {"prompt": ["What is the ISO 3166-1 alpha-3 code of Bolivia?"]}


@contextlib.contextmanager
def saved_model(
    checkpoint: Path, limits: Serving | None = None, on_mismatch: OnMismatch = "refuse"
) -> Iterator[Path]:
    """Have the files of the checkpoint's MLflow model for as long as the block lasts."""
    limits = limits or Serving()
    import mlflow
    import mlflow.pyfunc

    home = checkpoint.parents[2]
    logging.getLogger("mlflow.pyfunc").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        mlflow.pyfunc.save_model(
            path=str(path),
            python_model=str(Path(__file__).with_name("champion_model.py")),
            model_config={
                "home": str(home),
                "checkpoint": str(checkpoint.relative_to(home)),
                "on_mismatch": on_mismatch,
                **asdict(limits),
            },
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

    # Declared as texts, one number among them would fail them all before we see any.
    prompts: list[Any] = [column(AnyType(), "prompt")]
    answers: list[Any] = [
        column("string", "prompt", required=False),
        column("string", "answer", required=False),
        column("string", "said", required=False),
        column("boolean", "from_memory"),
        column("long", "group", required=False),
        column(Array("long"), "experts"),
        column(Array("string"), "fact_ids"),
        column("double", "score", required=False),
        column("double", "margin", required=False),
        column("string", "reason", required=False),
        column(Array(AnyType()), "facts"),
        column(Array(AnyType()), "rows"),
        column("string", "table_answer", required=False),
        column("boolean", "table_agrees", required=False),
        column("boolean", "is_mismatch"),
        column("string", "error", required=False),
    ]
    return ModelSignature(
        inputs=Schema(prompts),
        outputs=Schema(answers),
        params=ParamSchema(
            [
                ParamSpec("strict", "boolean", False),
                ParamSpec("refusal", "string", ""),
                ParamSpec("on_mismatch", "string", ""),
            ]
        ),
    )
