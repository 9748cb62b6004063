"""What one run did, in parts: for its report, the pages and the last word about it."""

from dataclasses import dataclass

from flows.home.about_run import About
from flows.home.receipts import Cell, Measured, Proof, Receipts
from flows.planning.sampled_questions import SAMPLED
from flows.reporting.charts import RelationRecall

MAX_ROWS = 100


@dataclass(frozen=True, kw_only=True)
class ReportedChange:
    """A fact that the run found changed: what the table and the model said before, and say now."""

    fact_id: str
    op: str
    """added, changed or retired."""
    subject: str
    relation: str
    old_answer: str | None
    new_answer: str | None
    new_reason: str | None
    """Why the claim that now decides does."""
    old_claim_now: str | None
    """What became of the claim that decided before."""
    said_before: str | None = None
    says: str | None = None


@dataclass(frozen=True, kw_only=True)
class Tie:
    """A slot that the sources leave undecided."""

    subject: str
    relation: str
    values: tuple[str, ...]
    explanation: str | None


@dataclass(frozen=True, kw_only=True)
class Conflicts:
    """What became of the rows, and what is undecided."""

    counts: dict[str, int]
    """Rows by their status; those that there are."""
    ties: tuple[Tie, ...] = ()
    num_ties: int = 0


@dataclass(frozen=True, kw_only=True)
class WorstFact:
    """A fact that was missed, by one question of those that missed it."""

    prompt: str
    answer: str
    generated: str
    num_missed: int
    num_asked: int
    cause: str
    """routing or memory."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a run took: processor time by workers and seconds, and room on the disk."""

    num_workers: int
    worker_seconds: float
    device: str
    num_facts_trained: int
    seconds_per_fact: float | None
    checkpoint_bytes: int
    home_bytes: int
    capacity_alarm: str | None


@dataclass(frozen=True, kw_only=True)
class RunReport:
    """All that is known of a run; a part that is gone is empty."""

    run_key: str
    about: About
    receipts: Receipts
    outcome: str
    changes: tuple[ReportedChange, ...]
    num_changes: int
    conflicts: Conflicts
    worst: tuple[WorstFact, ...]
    load: dict[int, int]
    """Groups by how many experts they use."""
    history: tuple[RelationRecall, ...]
    timings: dict[str, float]
    """Seconds by stage."""
    cost: Cost

    @property
    def mode(self) -> str:
        """How the model was made: full or incremental."""
        return "full" if self.receipts.updated is None else "incremental"

    @property
    def proof(self) -> Proof | None:
        """What an update left alone; null where nothing was compared."""
        measured = self.receipts.measured
        return None if measured is None or not measured.proof.model_fields_set else measured.proof

    @property
    def recall(self) -> tuple[Cell, ...]:
        """The totals of each kind of question."""
        return tuple(cell for cell in self._summary if cell.template == "*")

    @property
    def phrasings(self) -> list[Cell]:
        """Recall by declared phrasing, held-out phrasing and surface variant, the worst first."""
        kinds = ("heldout", *SAMPLED)
        found = [cell for cell in self._summary if cell.kind in kinds and cell.template != "*"]
        return sorted(found, key=lambda cell: cell.exact)[:MAX_ROWS]

    @property
    def _summary(self) -> tuple[Cell, ...]:
        return (self.receipts.measured or Measured()).summary


def outcome(receipts: Receipts) -> str:
    """Say in a few words what a run did: the state that Prefect shows, the report's first line."""
    updated, written = receipts.updated, receipts.written
    if updated is not None:
        counts = {
            "added": updated.num_added,
            "changed": updated.num_changed,
            "retired": updated.num_retired,
        }
        parts = [f"{n} fact{'s' * (n != 1)} {op}" for op, n in counts.items() if n]
        groups = updated.num_groups_touched
        said = f"{', '.join(parts) or 'no fact changed'}, {groups} groups of experts retrained"
    elif written is not None:
        said = f"{written.num_groups} facts memorized in {written.num_experts} experts"
    else:
        said = "nothing was trained"
    judged, promoted = receipts.judged, receipts.promoted
    if judged is not None and not judged.passed:
        return f"{said}, not promoted: {judged.why}"
    return f"{said}, promoted v{promoted.version}" if promoted else f"{said}, promoted"
