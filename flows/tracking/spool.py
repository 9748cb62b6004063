"""Records on their way to MLflow: what its database does not take now is kept, and sent later.

    HOME/mlflow/spool.jsonl           one record a line, in their order; gone when all are delivered
    HOME/mlflow/spool-refused.jsonl   records that waited and that MLflow then refused, with `why`

A database that is locked, full or away must not stop a training. Each record names its run and
carries its time, so one that is sent twice, because of a kill in between, is one record.
"""

import fcntl
import functools
import json
import logging
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INTERNAL_ERROR, TEMPORARILY_UNAVAILABLE, ErrorCode
from sqlalchemy.exc import SQLAlchemyError

_AWAY = {ErrorCode.Name(INTERNAL_ERROR), ErrorCode.Name(TEMPORARILY_UNAVAILABLE)}
_ERRORS = (MlflowException, SQLAlchemyError, OSError)
RETRY_SECONDS = 30.0
"""A locked database makes each attempt wait for 20 s; meanwhile records go to the file alone."""
log = logging.getLogger(__name__)

Record = Mapping[str, Any]
"""`run_id`, and any of `metrics` (key, value, time, step), `params`, `tags`, `file`, `status`."""


def is_away(error: BaseException) -> bool:
    """Whether MLflow cannot be had; false where it is there and refused what it was told."""
    if isinstance(error, MlflowException):
        return error.error_code in _AWAY
    return isinstance(error, SQLAlchemyError | OSError)


class Spool:
    """The way of one home's records to its MLflow."""

    def __init__(self, uri: str, path: Path) -> None:
        self.uri = uri
        self.path = path
        self.refused = path.with_stem(f"{path.stem}-refused")
        self.lock = threading.Lock()
        self.try_again_at = 0.0

    def send(self, record: Record) -> bool:
        """Send a record after all that wait; false where it is kept instead.

        Raises:
            MlflowException: MLflow is there and refuses the record.
        """
        with self._alone():
            if not self.path.exists() or self._deliver():
                try:
                    _log(MlflowClient(tracking_uri=self.uri), record)
                    return True
                except _ERRORS as error:
                    if not is_away(error):
                        raise
                    self._give_up_for_now(error)
            _append(record, self.path)
            return False

    def deliver(self) -> bool:
        """Send what waits, now; false where some still does."""
        with self._alone():
            self.try_again_at = 0.0
            return not self.path.exists() or self._deliver()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other threads, and other processes of the home, from the file."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.lock, self.path.with_suffix(".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _deliver(self) -> bool:
        if time.monotonic() < self.try_again_at:
            return False
        client = MlflowClient(tracking_uri=self.uri)
        records, refused = _read(self.path), []
        for record in records:
            try:
                _log(client, record)
            except _ERRORS as error:
                if is_away(error) and not isinstance(error, FileNotFoundError):
                    self._give_up_for_now(error)
                    return False
                log.warning("MLflow refused a record that was kept for it: %s", error)
                refused.append({"why": str(error)[:1000], **record})
        for record in refused:
            _append(record, self.refused)
        self.path.unlink()
        log.info("MLflow took %d records that waited", len(records))
        return True

    def _give_up_for_now(self, error: Exception) -> None:
        self.try_again_at = time.monotonic() + RETRY_SECONDS
        log.warning("MLflow takes no records (%s); they are kept in %s", _first(error), self.path)


@functools.cache
def spool_of(uri: str) -> Spool:
    """Return the spool of the SQLite database at `uri`; it lies beside it."""
    return Spool(uri, Path(uri.removeprefix("sqlite:///")).with_name("spool.jsonl"))


def _log(client: MlflowClient, record: Record) -> None:
    run_id = record["run_id"]
    if any(name in record for name in ("metrics", "params", "tags")):
        client.log_batch(
            run_id,
            metrics=[Metric(*metric) for metric in record.get("metrics", ())],
            params=[Param(*param) for param in record.get("params", ())],
            tags=[RunTag(*tag) for tag in record.get("tags", ())],
        )
    if "file" in record:
        client.log_artifact(run_id, record["file"], record["folder"])
    if "status" in record:
        client.set_terminated(run_id, record["status"], record["end_time"])


def _append(record: Record, path: Path) -> None:
    with path.open("ab+") as file:
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":  # a kill cut the last line short: it alone is lost
                file.write(b"\n")
        file.write(json.dumps(record).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _read(path: Path) -> list[Record]:
    records = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            records.append(json.loads(line))
        except json.JSONDecodeError:  # a kill cut it short
            log.warning("dropped half a record in %s", path)
    return records


def _first(error: Exception) -> str:
    return str(error).splitlines()[0][:200]
