"""The gate: a candidate becomes the champion only if every check passes; else it says what failed.

Pure: it judges what was measured, and reads or writes nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flows.configuration.gate_limits import GateLimits
from flows.home.receipts import NONE_WANTED, Cell, Check, Judged, Miss, Proof
from flows.planning.update_questions import AFFECTED, CHANGED

if TYPE_CHECKING:
    from lamini.proof.recall import RecallRow

NEAR = ("near_foreign", "missing_fact", "foreign_subject")
MAX_FAILURES = 50


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether a candidate passed, and if not, which facts failed and why."""

    checks: tuple[Check, ...]
    failures: tuple[Miss, ...] = ()

    @property
    def passed(self) -> bool:
        return all(check.passed for check in self.checks)

    @property
    def blames_router(self) -> bool:
        """Whether any failure is one of routing, which a full run may mend."""
        return any(failure.is_routing for failure in self.failures)

    def __str__(self) -> str:
        """Say what failed."""
        failed = [
            f"{check.name} {check.shown}, wanted {check.wanted}"
            for check in self.checks
            if not check.passed
        ]
        return "; ".join(failed) or "passed"

    def judged(self) -> Judged:
        """Return the receipt that the run keeps of it."""
        return Judged(
            passed=self.passed,
            blames_router=self.blames_router,
            why=str(self),
            checks=self.checks,
            failures=self.failures,
        )


def judge(
    summary: Iterable[Cell],
    rows: Sequence["RecallRow"],
    limits: GateLimits,
    *,
    min_recall: float,
    proof: Proof | None = None,
    reasons: Mapping[str, str] | None = None,
) -> Verdict:
    """Judge a candidate by its recall.

    `proof` tells what is not as it must be: all that an update moved without having to, of a full
    run the silent prompts alone. `reasons` tell why facts would not go, by fact_id.
    """
    totals = {cell.kind: cell for cell in summary if cell.template == "*"}
    checks = [
        _at_least("recall of all facts", _exact(totals, "training", 0.0), min_recall),
        _at_least("paraphrase recall", _exact(totals, "heldout"), limits.min_paraphrase),
        _at_least("recall of changed facts", _exact(totals, CHANGED), limits.min_changed),
        _at_least("recall of affected facts", _exact(totals, AFFECTED), limits.min_affected),
        _at_most("foreign questions answered", _taken(totals, ("foreign",)), limits.max_foreign),
        _at_most("near-foreign questions answered", _taken(totals, NEAR), limits.max_near_foreign),
    ]
    if proof is not None:
        checks += [
            Check(name=name, measured=float(count), wanted=NONE_WANTED, passed=not count)
            for name, count in _violations(proof)
        ]
    known = reasons or {}
    misses = [row for row in rows if row.answer is not None and not row.is_exact]
    misses.sort(key=lambda row: row.kind not in (CHANGED, AFFECTED))  # what the update did first
    failures = [_failure(row, known) for row in misses[:MAX_FAILURES]]
    failed = any(not check.passed for check in checks)
    return Verdict(checks=tuple(checks), failures=tuple(failures) if failed else ())


def _violations(proof: Proof) -> list[tuple[str, int]]:
    """Name what must be zero, of what the proof tells."""
    names = {
        "differing_experts": "untouched experts that differ",
        "differing_keys": "untouched keys that differ",
        "differing_prompts": "untouched prompts whose logits moved",
        "differing_silent": "silent prompts unlike the backbone",
        "differing_answers": "untouched answers that differ",
        "still_given": "retired answers still given",
        "experts_left": "experts of retired facts left",
    }
    found = ((said, getattr(proof, name)) for name, said in names.items())
    return [(said, len(differing)) for said, differing in found if differing is not None]


def _exact(totals: Mapping[str, Cell], kind: str, default: float = 1.0) -> float:
    return totals[kind].exact if kind in totals else default


def _taken(totals: Mapping[str, Cell], kinds: Sequence[str]) -> float:
    return max((totals[kind].from_memory for kind in kinds if kind in totals), default=0.0)


def _at_least(name: str, measured: float, wanted: float) -> Check:
    passed = measured >= wanted
    return Check(name=name, measured=measured, wanted=f"at least {wanted:.1%}", passed=passed)


def _at_most(name: str, measured: float, wanted: float) -> Check:
    passed = measured <= wanted
    words = f"at most {wanted:.1%}"
    return Check(name=name, measured=measured, wanted=words, passed=passed)


def _failure(row: "RecallRow", known: Mapping[str, str]) -> Miss:
    if row.agrees:
        why = "memory: its own experts say something else"
    elif row.routed_group is None:
        why = "routing: the prompt reads nothing"
    else:
        why = f"routing: the prompt reads group {row.routed_group}, another fact's"
    return Miss(
        kind=row.kind,
        fact_id=row.fact_id,
        prompt=row.prompt,
        wanted=row.answer,
        said=row.generated,
        why=known.get(str(row.fact_id), why),
        is_routing=not row.agrees,
    )
