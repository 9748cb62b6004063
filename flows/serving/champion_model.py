"""What MLflow runs to load and ask a checkpoint (models from code); see `served_model`."""

from typing import Any

import mlflow
import pandas  # type: ignore[import-untyped]
from mlflow.pyfunc.model import PythonModel


class Champion(PythonModel):
    """Answers prompts with their provenance."""

    def load_context(self, context: Any) -> None:
        from flows.serving.served_model import open_served

        self.served = open_served(context.model_config)

    # Of most other hints MLflow would make a signature of its own, and without one it warns.
    def predict(
        self, context: Any, model_input: pandas.DataFrame, params: dict[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        from flows.serving.given_prompts import prompts_of

        given = {"strict": False, "refusal": "", "on_mismatch": "", **(params or {})}
        answers = self.served.answer(
            prompts_of(model_input),
            strict=bool(given["strict"]),
            refusal=str(given["refusal"]),
            on_mismatch=str(given["on_mismatch"]),
        )
        return [answer.told() for answer in answers]


mlflow.models.set_model(Champion())
