"""The experiment's page in MLflow: what it is about, and a saved view with the columns that matter.

Without the view the page shows none of a run's eighty numbers.
"""

import json
from typing import Any

from flows.tracking.runs import TrackedRun

VIEW = "runs"
"""The key of the saved view, in `?viewStateShareKey=runs`."""
_CREATED = 1_760_000_000_000  # milliseconds; any fixed moment will do
_COLUMNS = (
    "metrics.`facts/differing`",
    "metrics.`recall/heldout_exact`",
    "tags.`promoted`",
    "tags.`outcome`",
)
"""Four: the page puts all metrics before the tags, and what is right of six is off-screen."""
_NOTE = """Every run that brought the model to the state of the tables. A parent run tells what \
changed, why, and whether it was promoted; its children are the trainings.

[The columns that matter](#/experiments/{id}/runs?viewStateShareKey={view}), also under **Views**: \
facts differing from those of the model before, exact recall of held-out phrasings, whether it was \
promoted, and what came of it. Each parent run has a `report.html` among its artifacts."""


def dress_experiment(run: TrackedRun) -> None:
    """Return the experiment its kind, description and view; what a person has set stays."""
    known = run.client.get_experiment(run.experiment_id).tags
    wanted = {
        "mlflow.experimentKind": "custom_model_development",
        "mlflow.note.content": _NOTE.format(id=run.experiment_id, view=VIEW),
        # The form in which MLflow 3.17 keeps the views that people save.
        f"mlflow.sharedViewState.{VIEW}": json.dumps(_view()),
    }
    for key, value in wanted.items():
        if key not in known:
            run.client.set_experiment_tag(run.experiment_id, key, value)


def _view() -> dict[str, Any]:
    state = {"selectedColumns": list(_COLUMNS)}
    return {
        "name": "What each run did",
        "createdAt": _CREATED,
        "updatedAt": _CREATED,
        "state": json.dumps(state),
    }
