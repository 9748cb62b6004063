"""A training job as each of its workers runs it: both trainings, the checkpoint, measuring recall.

Apart from the launchers because every process imports this module: it pulls in no Ray, no MLflow,
no Prefect, and the library only when the work begins.
"""

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flows import failpoints
from flows.home.receipts import PretrainedRouter, Proof, Trained

if TYPE_CHECKING:
    import torch

    from lamini.config import DueTraining, MemoryConfig, RouterConfig, RouterTraining, Tuning
    from lamini.model.memory_model import MemoryModel
    from lamini.proof.recall import Question, RecallRow
    from lamini.workers import Worker

ROUTER, TUNING, DUE, RECALL = "pretrain_router", "tune_memory", "learn_due_keys", "measure_recall"
"""The stages of a job, as its reports name them."""
SHARE = 512
"""Questions that one worker measures between two reports; a share is what a resume skips."""
SILENT_PROMPTS = 64
"""Foreign prompts that are compared with the bare backbone, bit for bit."""


OnReport = Callable[[str, int, dict[str, float]], None]
"""How whoever launched a job hears of it: the stage, the step and its numbers, of the leader."""


@dataclass(frozen=True, kw_only=True)
class StepReport:
    """The numbers of a step of one stage."""

    stage: str
    step: int
    numbers: dict[str, float]


Report = Callable[[StepReport], None]
"""Takes the numbers of a step; every rank reports at the same points."""


@dataclass(frozen=True, kw_only=True)
class TrainingJob:
    """What a job is told (`flows/training/job.py`)."""

    backbone: str
    memory: "MemoryConfig"
    router: "RouterConfig"
    router_training: "RouterTraining"
    tuning: "Tuning"
    running_text: "DueTraining"
    facts: Path
    """The assignment."""
    negatives: Sequence[str]
    questions: Sequence["Question"]
    snapshot_hash: str
    training_hash: str
    folder: Path
    """The run's."""


@dataclass(frozen=True, kw_only=True)
class _Reports:
    """The library's recorder inside a worker, of one stage."""

    stage: str
    report: Report

    def log(self, step: int, numbers: dict[str, float]) -> None:
        self.report(StepReport(stage=self.stage, step=step, numbers=numbers))
        failpoints.reach(f"worker.{self.stage}")


def train(
    job: TrainingJob, worker: "Worker", device: "torch.device | str", report: Report
) -> Trained:
    """Pretrain the router, tune memory, write the checkpoint, measure it; the leader's receipt.

    The files are the result, and what a job that is started again goes on from. One job for all,
    since a worker's imports take longer than the tuning of a thousand facts.
    """
    from lamini.backbone.backbone import load_backbone
    from lamini.backbone.memory import attach, detach
    from lamini.checkpoint.checkpoint import build_checkpoint
    from lamini.model.loading import load
    from lamini.router.training import pretrain_router
    from lamini.training_data import read_training_facts
    from lamini.tuning.capacity import capacity_of
    from lamini.tuning.memory_tuning import tune_memory
    from lamini.workers import fix_arithmetic

    fix_arithmetic()
    reports = {stage: _Reports(stage=stage, report=report) for stage in (ROUTER, TUNING, RECALL)}
    backbone = load_backbone(job.backbone, device=device)
    attached = attach(backbone, job.memory)
    facts = read_training_facts(job.facts)
    folder = job.folder
    clock = [time.monotonic()]
    receipt = pretrain_router(
        attached,
        facts,
        job.negatives,
        job.router,
        job.router_training,
        folder / "router",
        reports[ROUTER],
        worker,
    )
    clock.append(time.monotonic())
    tune_memory(attached, facts, job.tuning, folder / "tuning", reports[TUNING], worker)
    clock.append(time.monotonic())
    detach(attached)
    failpoints.reach("worker.before_checkpoint")
    if worker.leads:
        build_checkpoint(
            folder / "checkpoint",
            backbone=attached.backbone,
            memory=job.memory,
            hidden_size=attached.hidden_size,
            facts=facts,
            router_folder=folder / "router",
            tuning_folder=folder / "tuning",
            snapshot_hash=job.snapshot_hash,
            training_hash=job.training_hash,
        )
    worker.wait()
    clock.append(time.monotonic())
    model = load(folder / "checkpoint", backbone=attached.backbone)
    if worker.leads:
        _learn_due_keys(model, job)
    worker.wait()
    clock.append(time.monotonic())
    _measure(model, job.questions, folder / "recall", reports[RECALL], worker)
    silence = _silence(model, job.questions) if worker.leads else Proof()
    clock.append(time.monotonic())
    names = (ROUTER, TUNING, "write_checkpoint", DUE, RECALL)
    spent = [after - before for before, after in itertools.pairwise(clock)]
    capacity = capacity_of(facts, model.tokenizer, model.bank.hidden_size)
    told = {
        **capacity.told(),
        **{f"{name}_seconds": round(s, 1) for name, s in zip(names, spent, strict=True)},
    }
    router = PretrainedRouter.model_validate({**asdict(receipt), "folder": str(receipt.folder)})
    return Trained(**told, router=router, silence=silence)


def _learn_due_keys(model: "MemoryModel", job: TrainingJob) -> None:
    """Write the due keys of the checkpoint, learned once a run: where its backbone is a chat model.

    They lie in the run's folder, too, since a checkpoint is assembled anew when a job goes on.
    """
    from lamini.inline.due_keys import read_due_keys

    is_chat = model.tokenizer.chat_template is not None
    if not (is_chat and model.asked and job.running_text.subjects_per_relation):
        return
    (known := job.folder / "due_keys").mkdir(exist_ok=True)
    keys = read_due_keys(known)
    if keys is None:
        keys = model.learn_due_keys(job.running_text)
        keys.save(known)
    keys.save(job.folder / "checkpoint")


def _measure(
    model: "MemoryModel",
    questions: Sequence["Question"],
    folder: Path,
    reports: _Reports,
    worker: "Worker",
) -> None:
    """Measure this worker's shares of the questions, a file each; all report after each round."""
    from lamini.proof.recall import measure_recall, write_rows

    for round_start in range(0, len(questions), SHARE * worker.world_size):
        start = round_start + SHARE * worker.rank
        share = list(questions[start : start + SHARE])
        path = share_path(folder, start)
        if share and not path.is_file():
            write_rows(measure_recall(model, share), path)
        done = min(round_start + SHARE * worker.world_size, len(questions))
        reports.log(done, {"questions": done})


def _silence(model: "MemoryModel", questions: Sequence["Question"]) -> Proof:
    """Return the foreign prompts that read nothing, and yet say something unlike the backbone."""
    from lamini.proof.untouched import compare_silence

    foreign = [asked.prompt for asked in questions if asked.answer is None][:SILENT_PROMPTS]
    found = compare_silence(model, foreign)
    silent = found.num_prompts - len(found.reading)
    return Proof(num_silent=silent, differing_silent=tuple(found.differing))


def share_path(folder: Path, start: int) -> Path:
    """The file of the recall rows from question `start` on."""
    return folder / "shares" / f"{start:08d}.parquet"


def read_shares(folder: Path, num_questions: int) -> list["RecallRow"]:
    """Return the rows of all questions, in order."""
    from lamini.proof.recall import read_rows

    starts = range(0, num_questions, SHARE)
    return [row for start in starts for row in read_rows(share_path(folder, start))]
