"""What the steps of a run leave behind for those after them, each as it lies in the run's folder.

Read and written by `flows.home.run_folder` alone. What a field's default says is what a receipt
of an earlier version, which lacks the field, means.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import ClassVar

from flows.home.told import Told

NONE_WANTED = "none"
"""What a check wants of things that must not be."""


class Cell(Told):
    """Recall of one kind of question, and one template or (`*`) all of them."""

    kind: str
    template: str
    num_questions: int = 0
    exact: float = 0.0
    agreement: float = 0.0
    oracle_exact: float = 0.0
    from_memory: float = 0.0
    num_tight: int = 0


class Proof(Told):
    """What was compared with what must not move, and what differs there; null: not compared."""

    num_experts: int = 0
    differing_experts: tuple[int, ...] | None = None
    num_keys: int = 0
    differing_keys: tuple[int, ...] | None = None
    num_prompts: int = 0
    differing_prompts: tuple[str, ...] | None = None
    num_silent: int = 0
    differing_silent: tuple[str, ...] | None = None
    num_answers: int = 0
    differing_answers: tuple[str, ...] | None = None
    num_retired_prompts: int = 0
    still_given: tuple[str, ...] | None = None
    experts_left: tuple[int, ...] | None = None


class Receipt(Told):
    """What one step did."""

    step: ClassVar[str]

    seconds: float = 0.0


class PretrainedRouter(Told):
    """The router that a run pretrained, and how good it says it is."""

    folder: str = ""
    sha256: str = ""
    threshold: float = 0.0
    unnamed_threshold: float = 0.0
    calibration_agreement: float = 0.0
    calibration_accepted: float = 0.0
    calibration_foreign: float = 0.0


class Trained(Receipt):
    """Both trainings of a full run, its checkpoint, and how long its parts took."""

    step = "train_memory"

    num_facts: int = 0
    num_undecided: int = 0
    undecided: Mapping[str, str] = {}
    """By fact_id: why it was not memorized."""
    num_steps: int = 0
    num_positions: int = 0
    """Answer tokens that were tuned."""
    loss_by_step: tuple[float, ...] = ()
    router: PretrainedRouter = PretrainedRouter()
    silence: Proof = Proof()
    capacity_alarm: str | None = None
    bits_per_parameter: float | None = None
    pretrain_router_seconds: float = 0.0
    tune_memory_seconds: float = 0.0
    write_checkpoint_seconds: float = 0.0
    learn_due_keys_seconds: float = 0.0
    measure_recall_seconds: float = 0.0

    @property
    def training_seconds(self) -> float:
        """What training took, without measuring."""
        return (
            self.pretrain_router_seconds
            + self.tune_memory_seconds
            + self.write_checkpoint_seconds
            + self.learn_due_keys_seconds
        )


class Updated(Receipt):
    """What an update did to the champion's bank."""

    step = "update_memory"

    retired: tuple[str, ...] = ()
    groups: tuple[int, ...] = ()
    would_not_go: Mapping[str, str] = {}
    """By fact_id: why it is not answered as it should."""
    collisions: Mapping[str, str] = {}
    num_added: int = 0
    num_changed: int = 0
    num_retired: int = 0
    num_affected: int = 0
    num_groups_touched: int = 0
    num_steps: int = 0
    update_seconds: float = 0.0
    capacity_alarm: str | None = None


class Written(Receipt):
    """A checkpoint, and its name in MLflow."""

    step = "write_checkpoint"

    num_groups: int = 0
    num_experts: int = 0
    snapshot_hash: str = ""
    model_id: str = ""


class Measured(Receipt):
    """Recall by kind and template, and of an update what it left alone."""

    step = "measure_recall"

    path: str = ""
    """The Parquet file of all questions."""
    num_questions: int = 0
    summary: tuple[Cell, ...] = ()
    captured_foreign: tuple[str, ...] = ()
    num_carried: int = 0
    """Questions whose answers hold from the champion's measurement."""
    proof: Proof = Proof()
    verify_seconds: float | None = None

    def total(self, kind: str) -> Cell | None:
        """Return the recall of a kind of question in all templates; null where none was asked."""
        return next((c for c in self.summary if (c.kind, c.template) == (kind, "*")), None)


class Check(Told):
    """One condition of the gate, what was measured and what is wanted."""

    name: str
    measured: float
    wanted: str
    passed: bool
    num_asked: int | None = None
    """Questions that a share is of; null where it is none, or the number is not known."""
    note: str = ""
    """Why it was not judged, or what to do where it failed."""

    @property
    def shown(self) -> str:
        """What was measured, as people read it: a share, or a number of what must not be."""
        if self.wanted == NONE_WANTED:
            return f"{self.measured:.0f}"
        if self.num_asked == 0:
            return "none asked"
        of = "" if self.num_asked is None else f" of {self.num_asked}"
        return f"{self.measured:.1%}{of}"


class Miss(Told):
    """A question about a fact that the candidate answers with something else."""

    kind: str = ""
    fact_id: str | None
    prompt: str
    wanted: str | None
    said: str
    why: str
    is_routing: bool


class Judged(Receipt):
    """The gate's verdict."""

    step = "gate"

    passed: bool = False
    blames_router: bool = False
    why: str = ""
    checks: tuple[Check, ...] = ()
    failures: tuple[Miss, ...] = ()


class Promoted(Receipt):
    """What MLflow was told of a promotion."""

    step = "promoted"

    version: str | None = None


class Notified(Receipt):
    """That people were told why a candidate failed."""

    step = "notified"

    why: str = ""


@dataclass(frozen=True, kw_only=True)
class Receipts:
    """What the steps of one run left; null: that step left nothing, or it is damaged."""

    trained: Trained | None = None
    updated: Updated | None = None
    written: Written | None = None
    measured: Measured | None = None
    judged: Judged | None = None
    promoted: Promoted | None = None

    def told(self, *steps: str) -> dict[str, object]:
        """Return those of `steps` as they stand in their files; empty where there is none."""
        given = (getattr(self, field.name) for field in fields(self))
        left = {receipt.step: receipt.told() for receipt in given if receipt is not None}
        return {step: left.get(step, {}) for step in steps}
