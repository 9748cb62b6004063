"""The job that a cluster runs for `flows/training/remote.py`: the same training, told by a file.

    python -m flows.training.remote_job RUN/ray/job.json SUBMISSION

Reads: the job's file, and what it names on storage shared with whoever submitted it. Writes: what a
training writes, RUN/ray/<submission>.jsonl as it goes on, RUN/ray/<submission>.json at its end.
"""

import json
import sys
from pathlib import Path

from flows.configuration.settings import Settings
from flows.environment import keep_private
from flows.errors import SettingsError
from warehouse.durable import write_json


def main(file: Path, submission_id: str) -> None:
    """Train as the file says, and leave the result under the submission's name.

    Raises:
        SettingsError: the file is not there: the home is not on shared storage.
    """
    if not file.is_file():
        raise SettingsError(
            f"{file} is not there: home must lie on storage that the cluster sees at the same path"
        )
    told = json.loads(file.read_text(encoding="utf-8"))
    settings = Settings(**told["settings"])
    folder = Path(told["folder"])
    keep_private(settings.home.path)
    from flows.training.job import training_job
    from flows.training.launch import cluster, fit

    job = training_job(settings, folder, Path(told["assignment"]), Path(told["snapshot"]))
    reports = progress_file(folder, submission_id)
    with (
        cluster(settings.num_workers, use_gpu=settings.use_gpu),
        reports.open("a", encoding="utf-8") as out,
    ):

        def on_report(stage: str, step: int, numbers: dict[str, float]) -> None:
            out.write(json.dumps({"stage": stage, "step": step, "numbers": numbers}) + "\n")
            out.flush()

        done = fit(job, settings=settings, folder=folder, on_report=on_report)
    write_json(done.told(), result_file(folder, submission_id))


def progress_file(folder: Path, submission_id: str) -> Path:
    """The file of the reports of one submission."""
    return folder / "ray" / f"{submission_id}.jsonl"


def result_file(folder: Path, submission_id: str) -> Path:
    """The file of what one submission returned; there once it has succeeded."""
    return folder / "ray" / f"{submission_id}.json"


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
