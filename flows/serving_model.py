"""What MLflow runs to load and ask a checkpoint (models from code); all else is in `serving`."""

import warnings
from typing import Any

import mlflow
from mlflow.pyfunc.model import PythonModel

# With them it would make a signature of its own, and refuse ours.
warnings.filterwarnings("ignore", message=".*Add type hints to the `predict` method")


class Champion(PythonModel):
    """Answers prompts with their provenance."""

    def load_context(self, context: Any) -> None:
        from flows.serving import open_served

        self.served = open_served(context.model_config)

    def predict(self, context: Any, model_input, params=None):  # type: ignore[no-untyped-def]
        from flows.serving import prompts_of

        strict = bool((params or {}).get("strict", False))
        return self.served.answer(prompts_of(model_input), strict=strict)


mlflow.models.set_model(Champion())
