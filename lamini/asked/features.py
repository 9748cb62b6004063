"""What speaks for and against a prompt's best fact, as numbers that a small model weighs.

Shape suffixes: V views   N negatives   R relations
"""

import math
import re
from dataclasses import dataclass

import numpy as np

from lamini.asked.cues import Cues, asks_verdict, question_words
from lamini.asked.linking import Mention
from lamini.asked.relations import Nearness, RelationEvidence
from lamini.asked.surfaces import ALIAS, DERIVED, FUZZY, PARTIAL
from lamini.asked.text import plain_word, tokens
from lamini.asked.word_list import STOP
from lamini.asked.wording import MASK, words_of

NAMES = (
    "posterior_sharp", "posterior_soft", "negative_over", "unexplained_sum", "nearest",
    "nearest_squared", "top_three",
    "sibling_margin", "negative_margin", "task_over", "wrong_question_word", "explained",
    "unexplained_most", "unknown_words",
    "verdict", "year", "time", "task", "many", "negated", "quoted", "alias", "derived", "fuzzy",
    "partial", "unsure",
    "other_subjects", "length", "ambiguous", "proper_names", "not_whole", "bare", "adjacent",
    "adjacent_partial", "declared",
    "near_foreign",
)  # fmt: skip
CUES = ("verdict", "year", "time", "task", "many", "negated", "quoted")
"""Those that say that something else than a value is asked for."""
_PROPER = re.compile(r"(?<!^)(?<![.!?:] )\b[A-Z][\w-]+")
_BESIDE = re.compile(r"[^\W_]+(?:-[^\W_]+)*|[^\w\s]")


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A subject named in a prompt, with the relation it may be asked for."""

    text: str
    mention: Mention
    others: tuple[Mention, ...]
    """All mentions in the text."""
    num_rivals: int
    """Other subjects that fit as well."""
    views: list[str]
    view: int
    relation: int
    near: Nearness
    siblings: np.ndarray
    """Which relations the subject's sort of things has."""


def features(found: Candidate, evidence: RelationEvidence, alive: np.ndarray) -> np.ndarray:
    """Return the numbers in order of NAMES; `alive` says which phrasings are known."""
    near, row = found.near, found.view
    view, whole = found.views[row], found.views[0]
    mine = np.flatnonzero((evidence.relation_P == found.relation) & alive)
    known = frozenset().union(*(evidence.words_P[i] for i in mine)) if len(mine) else frozenset()
    nearest = float(near.best_VR[row, found.relation])
    negative = float(near.other_VN[row].max()) if near.other_VN.shape[1] else -1.0
    siblings = [near.best_VR[row, r] for r in np.flatnonzero(found.siblings) if r != found.relation]
    words = [_known_as(word, known) for word in words_of([view])]
    weigh = evidence.encoder.words.weight
    unexplained = _unexplained(words, known, evidence)
    total = sum(weigh(word) for word in words)
    explained = sum(weigh(word) for word in words if word in known) / total if total else 1.0
    cues, asks = Cues.of(whole), question_words(view)
    share = {w: np.mean([w in evidence.asks_P[i] for i in mine]) if len(mine) else 0 for w in asks}
    sharp, soft = _posterior(nearest, siblings, near.other_VN[row], evidence.owner_N)
    task = near.other_VN[0][evidence.owner_N == "task"]
    adjacent = _adjacent(found, known, evidence)
    kind = found.mention.kind
    verdict = asks_verdict(view) and not any(
        evidence.verdict_P[i] and near.own_VP[row, i] > nearest - 0.03 for i in mine
    )
    numbers = {
        "posterior_sharp": sharp,
        "posterior_soft": soft,
        "negative_over": max(0.0, negative - nearest),
        "unexplained_sum": min(sum(unexplained) / 8, 3.0),
        "nearest": nearest,
        "nearest_squared": nearest**2,
        "top_three": float(near.top_VR[row, found.relation]),
        "sibling_margin": min(0.5, nearest - max(siblings)) if siblings else 0.3,
        "negative_margin": nearest - negative,
        "task_over": max(0.0, float(task.max()) - float(near.best_VR[0, found.relation]))
        if len(task)
        else 0.0,
        "wrong_question_word": max((1 - min(1.0, 6 * s) for s in share.values()), default=0.0),
        "explained": explained,
        "unexplained_most": max(unexplained, default=0.0) / 8,
        "unknown_words": min(_unknown(words, known, evidence), 4),
        "verdict": verdict,
        "year": cues.year,
        "time": any(not {*time.split()} & known for time in cues.times),
        "task": cues.task,
        "many": any(not {*many.split()} <= known for many in Cues.of(view).many),
        "negated": cues.negated,
        "quoted": cues.quoted,
        "alias": kind == ALIAS,
        "derived": kind == DERIVED,
        "fuzzy": kind == FUZZY,
        "partial": kind == PARTIAL,
        "unsure": 1 - found.mention.sure,
        "other_subjects": min(_elsewhere(found, known, evidence), 2),
        "length": math.log1p(len([*words_of([whole])])),
        "ambiguous": math.log1p(found.num_rivals),
        "proper_names": min(_proper(view, known), 3),
        "not_whole": row > 0,
        "bare": not words,
        "adjacent": adjacent,
        "adjacent_partial": adjacent * (kind == PARTIAL),
        "declared": nearest > 0.995,
        "near_foreign": negative > nearest + 0.03 and negative > 0.85,
    }
    return np.array([float(numbers[name]) for name in NAMES], np.float64)


def _posterior(
    nearest: float, siblings: list[float], other_N: np.ndarray, owner_N: np.ndarray
) -> tuple[float, float]:
    """Return the log share of the relation among all that is asked for, at two temperatures."""
    owners, index = np.unique(owner_N, return_inverse=True)
    other_C = np.full(len(owners), -1.0)
    np.maximum.at(other_C, index, other_N)
    score = np.array([nearest, *siblings, *other_C])
    shares = []
    for temperature in (0.04, 0.1):
        z = score / temperature
        shares.append(max(-5.0, float(z[0] - z.max() - math.log(np.exp(z - z.max()).sum()))))
    return shares[0], shares[1]


def _unexplained(
    words: list[str], known: frozenset[str], evidence: RelationEvidence
) -> list[float]:
    """Return how much each word tells that no phrasing of the relation holds, nor one like it."""
    strange = [w for w in dict.fromkeys(words) if w not in known and w not in STOP]
    weights = [evidence.encoder.words.weight(word) for word in strange]
    if not (strange and known - STOP):
        return weights
    nearest = evidence.words_near(strange, known - STOP)
    kept = 1 - np.clip((nearest - 0.25) / 0.5, 0, 1)
    return [float(weight * k) for weight, k in zip(weights, kept, strict=True)]


def _known_as(word: str, known: frozenset[str]) -> str:
    """Return the word in the number in which it is known."""
    for form in (word, word.removesuffix("s"), f"{word}s"):
        if form in known:
            return form
    return word


def _unknown(words: list[str], known: frozenset[str], evidence: RelationEvidence) -> int:
    asked = evidence.bank.words
    return sum(1 for w in words if w not in known and w not in asked and w not in STOP)


def _elsewhere(found: Candidate, known: frozenset[str], evidence: RelationEvidence) -> int:
    """Count the other names in the text, but words of the question that happen to be names."""
    own = found.mention
    spans = {
        (m.start, m.end)
        for m in found.others
        if m.sure >= 0.9 and m.kind <= DERIVED and not (own.start <= m.start and m.end <= own.end)
    }
    return sum(1 for span in spans if _is_name(found.text[slice(*span)], known, evidence))


def _is_name(raw: str, known: frozenset[str], evidence: RelationEvidence) -> bool:
    words = [token.plain for token in tokens(raw)]
    ordinary = raw == raw.lower() and all(map(evidence.encoder.words.is_ordinary, words))
    return not ordinary and not {*words} <= known | STOP


def _proper(view: str, known: frozenset[str]) -> int:
    found = [plain_word(match) for match in _PROPER.findall(view) if match != MASK]
    return sum(1 for word in found if word not in known and word not in STOP)


def _adjacent(found: Candidate, known: frozenset[str], evidence: RelationEvidence) -> int:
    """Count strange words right beside the mention: the name may be a longer one."""
    before = _BESIDE.findall(found.text[: found.mention.start])[-1:]
    after = _BESIDE.findall(found.text[found.mention.end :])[:1]
    asked = evidence.bank.words
    count = 0
    for raw in (*before, *after):
        for token in tokens(raw)[:1]:
            strange = token.plain not in known and token.plain not in STOP and token.plain != "s"
            capital = raw[0].isupper() or raw[0].isdigit()
            count += strange and (capital or token.plain not in asked)
    return count
