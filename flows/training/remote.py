"""Train on a Ray cluster through its Jobs API, not as its client: a lost connection ends no job.

    lamini run --ray-address http://HEAD:8265       RAY_AUTH_MODE=token, RAY_AUTH_TOKEN_PATH=FILE

The submission id is made of the run key, and a cluster takes no id twice: whoever submits the same
run while its job goes on attaches to it. The home must lie on storage that the cluster sees at the
same path, with this package installed there; whoever submits needs `requests` and `aiohttp`.
"""

import json
import logging
import os
import shlex
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from flows.configuration.settings import Settings
from flows.environment import environment
from flows.errors import FlowsError, JobFailedError
from flows.home.home import Home
from flows.home.receipts import Trained
from flows.training.remote_job import progress_file, result_file
from flows.training.worker_jobs import OnReport
from lamini.saved import write_whole
from warehouse.durable import write_json
from warehouse.errors import RetryableError

POLL_SECONDS = 1.0
OUTAGE_SECONDS = 300.0
"""How long the cluster may tell nothing of a job before whoever follows it gives up."""
MAX_ATTEMPTS = 100
"""Submissions of one run that a cluster remembers; each that failed takes a number."""
PYTHON = "python"
"""The cluster's own, which may lie elsewhere than ours."""
log = logging.getLogger(__name__)


class RemoteJobError(FlowsError):
    """The cluster cannot be used as it was named, or does not take the job."""


class ClusterAwayError(FlowsError, RetryableError):
    """The cluster does not tell of the job, which may go on; the same run attaches to it again."""


def train_on_cluster(
    settings: Settings, folder: Path, assignment: Path, snapshot: Path, on_report: OnReport
) -> Trained:
    """Submit the training of the run in `folder`, or attach to it; return what it returned.

    Interrupted, the job goes on, and the next call attaches to it.

    Raises:
        RemoteJobError: the cluster cannot be reached, refuses the token or the job.
        ClusterAwayError: it was reached, and does not answer any more.
        JobFailedError: the job failed.
    """
    file = folder / "ray" / "job.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    told = settings.model_copy(update={"ray_address": None}).model_dump(mode="json")
    paths = {"folder": folder, "assignment": assignment, "snapshot": snapshot}
    write_json({"settings": told, **{k: str(v.absolute()) for k, v in paths.items()}}, file)
    client = connect(str(settings.ray_address))
    entrypoint = f"{PYTHON} -m flows.training.remote_job {shlex.quote(str(file.absolute()))}"
    submission_id = submit_or_attach(
        client,
        folder.name,
        entrypoint,
        _variables(settings.home),
        is_whole=lambda known: result_file(folder, known).is_file(),
    )
    _follow(client, submission_id, progress_file(folder, submission_id), on_report)
    return Trained(**json.loads(result_file(folder, submission_id).read_text(encoding="utf-8")))


def connect(address: str) -> Any:
    """Return a client of the Jobs API at `address`.

    Raises:
        RemoteJobError: nothing answers there, or it refuses us.
    """
    from ray.job_submission import JobSubmissionClient

    # Another one in the environment would win over the address that is given.
    os.environ["RAY_API_SERVER_ADDRESS"] = address
    try:
        return JobSubmissionClient(address)
    except Exception as error:
        raise RemoteJobError(
            f"ray_address={address!r} cannot be used: {error}. It is the Jobs API of the cluster's "
            "head, http://HEAD:8265; a cluster with token authentication wants RAY_AUTH_MODE=token "
            "and RAY_AUTH_TOKEN_PATH or RAY_AUTH_TOKEN here"
        ) from error


def submit_or_attach(
    client: Any,
    run_key: str,
    entrypoint: str,
    variables: Mapping[str, str],
    *,
    is_whole: Callable[[str], bool],
) -> str:
    """Return the submission of a run: the one that goes on or has its result, or a new one.

    The id is the entrypoint's last word.

    Raises:
        RemoteJobError: it failed too often, or the cluster does not take it.
    """
    for attempt in range(MAX_ATTEMPTS):
        submission_id = f"lamini-{run_key}-{attempt}"
        status = _status(client, submission_id)
        if status is None:
            status = _submit(client, submission_id, entrypoint, variables)
        if status in ("PENDING", "RUNNING") or (status == "SUCCEEDED" and is_whole(submission_id)):
            return submission_id
    raise RemoteJobError(f"run {run_key} was submitted {MAX_ATTEMPTS} times and never succeeded")


def _submit(
    client: Any, submission_id: str, entrypoint: str, variables: Mapping[str, str]
) -> str | None:
    try:
        client.submit_job(
            entrypoint=f"{entrypoint} {submission_id}",
            submission_id=submission_id,
            runtime_env={"env_vars": dict(variables)},
        )
    except Exception as error:
        # Another one of us may have been faster: then the cluster knows this id.
        if (status := _status(client, submission_id)) is not None:
            return status
        raise RemoteJobError(f"the cluster did not take job {submission_id}: {error}") from error
    log.info("submitted %s; interrupted, it goes on, and the same command finds it", submission_id)
    return "PENDING"


def _status(client: Any, submission_id: str) -> str | None:
    """Return the job's status; null where the cluster does not know the job.

    Raises:
        RemoteJobError: it refuses the token.
        ClusterAwayError: it does not answer, or with an error of its own.
    """
    from ray.exceptions import AuthenticationError

    try:
        return str(client.get_job_status(submission_id))
    except AuthenticationError as error:
        raise RemoteJobError(f"the cluster refuses us: {error}") from error
    except (RuntimeError, OSError) as error:  # those of `requests` are OSErrors
        if "404" in str(error) or "does not exist" in str(error):
            return None
        raise ClusterAwayError(
            f"the cluster does not tell of job {submission_id}: {error}; run again: what goes on "
            "there is attached to"
        ) from error


def _follow(client: Any, submission_id: str, progress: Path, on_report: OnReport) -> None:
    """Pass on what the job reports until it has ended, each line once whoever follows it.

    Raises:
        ClusterAwayError: the cluster tells nothing for OUTAGE_SECONDS, or forgot the job.
        JobFailedError: it did not succeed.
    """
    place = progress.with_suffix(".read")
    read = int(place.read_text()) if place.is_file() else 0
    answered = time.monotonic()
    while True:
        try:
            status = _status(client, submission_id)
            answered = time.monotonic()
        except ClusterAwayError as error:
            if time.monotonic() - answered >= OUTAGE_SECONDS:
                raise
            log.warning("%s", error)
            status = "RUNNING"
        before, read = read, _pass_on(progress, read, on_report)
        if read != before:
            write_whole(place, str(read).encode())
        if status not in ("PENDING", "RUNNING"):
            break
        time.sleep(POLL_SECONDS)
    if status is None:
        raise ClusterAwayError(f"the cluster forgot job {submission_id}; run again to submit it")
    if status != "SUCCEEDED":
        tail = _end_of_log(client, submission_id)
        raise JobFailedError(f"job {submission_id} ended as {status}; the end of its log:\n{tail}")


def _end_of_log(client: Any, submission_id: str) -> str:
    try:
        return str(client.get_job_logs(submission_id))[-2000:]
    except Exception as error:  # noqa: BLE001 - why the job failed is told all the same
        return f"(the cluster does not give it: {error})"


def _pass_on(progress: Path, read: int, on_report: OnReport) -> int:
    """Pass on the whole lines from byte `read` on; give how far they go."""
    try:
        with progress.open("rb") as file:
            file.seek(read)
            lines = file.read()
    except OSError:
        return read
    whole = lines[: lines.rfind(b"\n") + 1]
    for line in whole.splitlines():
        told = json.loads(line)
        on_report(told["stage"], int(told["step"]), told["numbers"])
    return read + len(whole)


def _variables(home: Home) -> dict[str, str]:
    """Return what the libraries of the job are told; addresses, tokens and our home's stay here."""
    ours = ("PREFECT_", "NO_PROXY", "no_proxy", "RAY_AUTH", "GIT_PYTHON")
    return {
        name: text for name, text in environment(home.path).items() if not name.startswith(ours)
    }
