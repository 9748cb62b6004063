"""The registered model in MLflow: a version for each promoted checkpoint, and who is who.

The pointer (`flows.home.champion`) is the truth; the aliases `champion` and `previous` follow.
"""

import itertools
import logging
from typing import Any

import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from flows.environment import mlflow_database, mlflow_uri
from flows.home.champion import Champion, read_pointer
from flows.home.home import Home
from flows.tracking.runs import RUN_KEY_TAG, TrackedRun

MODEL = "lamini"
CHAMPION, PREVIOUS = "champion", "previous"
log = logging.getLogger(__name__)


def register(run: TrackedRun, champion: Champion, model_id: str) -> str:
    """Make the checkpoint a version of the registered model, once; give its number."""
    client = run.client
    mlflow.set_tracking_uri(run.uri)  # the registry looks the LoggedModel up with the global one
    try:
        client.get_registered_model(MODEL)
    except MlflowException:
        client.create_registered_model(
            MODEL, description="Checkpoints that passed the gate; `champion` answers."
        )
    # By its source: MLflow 3.17's database keeps no model_id of a version.
    source = f"models:/{model_id}"
    known = _versions(client, champion.run_key)
    if (found := next((v for v in known if v.source == source), None)) is not None:
        return str(found.version)
    version = client.create_model_version(
        MODEL,
        source=source,
        run_id=run.run_id,
        model_id=model_id,
        tags={RUN_KEY_TAG: champion.run_key, "mode": champion.mode},
        description=(
            f"Snapshot {champion.snapshot_hash[:16]} as of {champion.as_of}, {champion.mode} run "
            f"{champion.run_key}, router {champion.router_sha256[:16]}, "
            f"bank {champion.bank['experts']}.{champion.bank['keys']}"
        ),
    )
    return str(version.version)


def follow_pointer(home: Home) -> dict[str, str]:
    """Set both aliases as the pointer says; give the version of each that has one."""
    client = MlflowClient(tracking_uri=mlflow_uri(home.path))
    pointer = read_pointer(home)
    known = () if pointer is None else (pointer.champion, *pointer.history)
    wanted = dict(itertools.zip_longest((CHAMPION, PREVIOUS), known[:2]))
    set_to: dict[str, str] = {}
    for alias, one in wanted.items():
        versions = [] if one is None else _versions(client, one.run_key)
        if versions:
            set_to[alias] = str(versions[0].version)
            client.set_registered_model_alias(MODEL, alias, set_to[alias])
        else:
            try:
                client.delete_registered_model_alias(MODEL, alias)
            except MlflowException:  # there is no such model yet
                log.debug("no alias %s to take away", alias)
    return set_to


def drop_versions(home: Home, run_keys: set[str]) -> None:
    """Take the versions of removed checkpoints out of the registry; their runs stay."""
    if not run_keys or not mlflow_database(home.path).is_file():
        return
    client = MlflowClient(tracking_uri=mlflow_uri(home.path))
    try:
        for version in client.search_model_versions(f"name = '{MODEL}'"):
            if version.tags.get(RUN_KEY_TAG) in run_keys:
                client.delete_model_version(MODEL, version.version)
        follow_pointer(home)
    except Exception:  # what went is gone, whatever a page says
        log.warning("MLflow was not told which checkpoints are gone", exc_info=True)


def _versions(client: MlflowClient, run_key: str) -> list[Any]:
    """Return the versions of a run, the newest first."""
    found = client.search_model_versions(f"name = '{MODEL}'")
    own = [version for version in found if version.tags.get(RUN_KEY_TAG) == run_key]
    return sorted(own, key=lambda version: int(version.version), reverse=True)
