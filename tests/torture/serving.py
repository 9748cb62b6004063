"""Make the databases of a home as a run does for the first time: MLflow's, or Prefect's.

python -m tests.torture.serving HOME mlflow|prefect
"""

import sys
from pathlib import Path

from flows.environment import apply_environment
from flows.home.home import Home


def open_mlflow(home):
    from flows.tracking.runs import open_run

    tracked = open_run(Home(home), "key", "name", {})
    tracked.log_metrics({"loss": 1.0})
    tracked.end()


def open_prefect(home):
    from flows.servers.services import Services

    with Services(home) as services:
        services.wait_ready()


if __name__ == "__main__":
    home = Path(sys.argv[1])
    home.mkdir(exist_ok=True)
    apply_environment(home)
    {"mlflow": open_mlflow, "prefect": open_prefect}[sys.argv[2]](home)
