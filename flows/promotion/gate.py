"""The gate: a candidate becomes the champion only if every check passes; else it says what failed.

Pure: it judges what was measured, and reads or writes nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flows.configuration.gate_limits import GateLimits
from flows.home.receipts import NONE_WANTED, Cell, Check, Judged, Miss, Proof
from flows.planning.sampled_questions import PHRASING, SAMPLED
from flows.planning.update_questions import AFFECTED, CHANGED
from flows.promotion.golden_tally import Tally

if TYPE_CHECKING:
    from lamini.proof.recall import RecallRow

_UNANSWERED = {
    "near_foreign": (
        "questions about known subjects that no relation tells answered",
        "give the table's relations more phrasings of their own",
    ),
    "missing_fact": (
        "questions about values that the table does not have answered",
        "give these relations phrasings that differ more from each other",
    ),
    "foreign_subject": (
        "questions about subjects that the table does not have answered",
        "give the subjects the names that they are known by, as aliases",
    ),
}
"""By kind of question that no fact answers: what fails, and what to do about it."""
MAX_FAILURES = 50
_MAX_NAMED = 5


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
            + (f" ({check.note})" if check.note else "")
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
    golden: Tally | None = None,
) -> Verdict:
    """Judge a candidate by its recall, and by a golden set if one was asked.

    `proof` tells what is not as it must be: all that an update moved without having to, of a full
    run the silent prompts alone. `reasons` tell why facts would not go, by fact_id.
    """
    cells = [*summary]
    totals = {cell.kind: cell for cell in cells if cell.template == "*"}
    facts = (
        ("training", "recall of all facts", min_recall),
        (CHANGED, "recall of changed facts", limits.min_changed),
        (AFFECTED, "recall of affected facts", limits.min_affected),
    )
    checks = [
        _at_least(name, _cell(totals, kind).exact, wanted, _cell(totals, kind).num_questions)
        for kind, name, wanted in facts
        if kind in totals or kind == "training"
    ]
    heldout = _cell(totals, "heldout")
    sampled = [
        _at_least(
            "paraphrase recall",
            heldout.exact,
            limits.min_paraphrase,
            heldout.num_questions,
            "declare more phrasings, or see which are missed: lamini recall",
        )
    ]
    unanswered = {"foreign": ("foreign questions answered", ""), **_UNANSWERED}
    for kind, (name, advice) in unanswered.items():
        cell = _cell(totals, kind)
        most = limits.max_foreign if kind == "foreign" else limits.max_near_foreign
        sampled.append(_at_most(name, cell.from_memory, most, cell.num_questions, advice))
    if golden is not None:
        advice = "lamini eval shows every answer"
        right, wrong = golden.share("right"), golden.share("wrong")
        number = golden.num_asked
        sampled += [
            _at_least("golden questions right", right, limits.min_golden_right, number, advice),
            _at_most("golden questions wrong", wrong, limits.max_golden_wrong, number, advice),
        ]
    checks += [_of_sample(check, limits.min_sample) for check in sampled]
    if PHRASING in totals:
        checks.append(_unread(cells))
    if proof is not None:
        checks += [
            Check(name=name, measured=float(count), wanted=NONE_WANTED, passed=not count)
            for name, count in _violations(proof)
        ]
    known = reasons or {}
    misses = [
        row
        for row in rows
        if row.answer is not None and not row.is_exact and row.kind not in SAMPLED
    ]
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


def _unread(cells: Sequence[Cell]) -> Check:
    """Name the declared phrasings that read none of the facts asked; a warning, no failure."""
    unread = [
        cell.template
        for cell in cells
        if cell.kind == PHRASING and cell.template != "*" and not cell.agreement
    ]
    named = ", ".join(repr(template) for template in unread[:_MAX_NAMED])
    return Check(
        name="declared phrasings read for no fact",
        measured=float(len(unread)),
        wanted=NONE_WANTED,
        passed=True,
        note=f"reword or drop {named}" if unread else "",
    )


def _cell(totals: Mapping[str, Cell], kind: str) -> Cell:
    return totals.get(kind) or Cell(kind=kind, template="*")


def _at_least(name: str, measured: float, wanted: float, number: int, advice: str = "") -> Check:
    words, passed = f"at least {wanted:.1%}", measured >= wanted
    return _share(name, measured, words, passed, number, advice)


def _at_most(name: str, measured: float, wanted: float, number: int, advice: str = "") -> Check:
    words, passed = f"at most {wanted:.1%}", measured <= wanted
    return _share(name, measured, words, passed, number, advice)


def _share(
    name: str, measured: float, wanted: str, passed: bool, number: int, advice: str
) -> Check:
    return Check(
        name=name,
        measured=measured,
        wanted=wanted,
        passed=passed,
        num_asked=number,
        note="" if passed else advice,
    )


def _of_sample(check: Check, min_sample: int) -> Check:
    """Return the check as not judged where too few questions were asked for a share."""
    number = check.num_asked or 0
    if number >= min_sample:
        return check
    few = f"not judged: {number} asked, a share needs {min_sample}"
    if check.name == "paraphrase recall" and not number:
        few = "not judged: no held-out phrasing was given"
    return check.model_copy(update={"passed": True, "note": few})


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
