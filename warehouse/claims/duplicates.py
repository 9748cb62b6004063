"""Find pairs of slots that may be one: near-duplicate subjects, relations and questions.

Suspected pairs are reported, never merged: that takes a declared rule (same_as.py). They are found
by sorted neighbourhoods (Hernandez & Stolfo 1995, "The merge/purge problem for large databases"),
not by comparing all pairs; we add a pass over the forms read backwards and one over rarest words.
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import asdict, dataclass

import pyarrow as pa
from anyascii import anyascii

from warehouse import query

# Cyrillic and Greek: capitals first, in the order of the Latin letters that they look like below.
_CYRILLIC = (
    "\u0410\u0412\u0415\u0405\u0406\u0408\u041a\u041c\u041d\u041e\u0420\u0421\u0422"
    "\u0423\u0425\u0430\u0435\u0455\u0456\u0458\u043e\u0440\u0441\u0443\u0445\u0501"
    "\u04bb\u051b\u051d\u0475"
)
_AS_LATIN = "ABESIJKMHOPCTYXaesijopcyxdhqwv"
_GREEK = (
    "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5"
    "\u03a7\u03bf\u03b1\u03bd\u03b9\u03c1\u03c5\u03c7\u03f2"
)
_AS_LATIN_TOO = "ABEZHIKMNOPTYXoavipuxc"
LOOK_ALIKES = str.maketrans(_CYRILLIC + _GREEK, _AS_LATIN + _AS_LATIN_TOO)
"""Letters that look like Latin ones; a part of the confusables of Unicode Technical Standard 39."""


@dataclass(frozen=True, kw_only=True)
class DuplicateSettings:
    """When two subjects, or two questions, are nearly equal."""

    max_edits: int = 2
    """Letters inserted, left out, changed or swapped with their neighbour."""
    min_similarity: float = 0.85
    """1 - edits / letters of the longer: one edit takes seven letters, two take fourteen."""

    num_known: int = 5
    """Where both sides of a difference are words that so many have, it is no slip: Marc, Mark."""

    def __post_init__(self) -> None:
        if self.num_known < 1:
            raise ValueError(f"num_known={self.num_known} must be at least 1")
        if self.max_edits < 0:
            raise ValueError(f"max_edits={self.max_edits} must be at least 0")
        if not 0 < self.min_similarity <= 1:
            raise ValueError(f"min_similarity={self.min_similarity} must be above 0 and at most 1")


def suspected_duplicates(slots: pa.Table, settings: DuplicateSettings | None = None) -> pa.Table:
    """Return (fact_id, other, reason, score) for pairs of slots that may be one, ordered.

    `slots` has one row per slot: fact_id, subject, relation, question; the last two may be null.
    Reasons: 'same subject' (but for case, script, punctuation, order of words), 'subject looks
    alike' (letters of another script), 'same relation' or 'same question' (likewise), 'near
    subject' and 'near question' (a few letters apart). `fact_id` is the smaller of both.
    Source: Hernandez & Stolfo 1995, sorted neighbourhoods.
    """
    near = settings or DuplicateSettings()
    limits = asdict(near)
    with query.connect() as con:
        con.execute(query.text("duplicates_macros"))
        con.register("suspects", slots)
        con.register(
            "spelt_out", _spelt_out(query.run(con, "duplicates_foreign")["text"].to_pylist())
        )
        query.execute(con, "duplicates_forms")
        query.execute(con, "duplicates_near", **limits)
        query.execute(con, "duplicates_asked", **limits)
        return query.run(con, "duplicates_pairs")


def named_pairs(facts: pa.Table) -> list[dict[str, object]]:
    """Return the suspected pairs of a snapshot's facts with their names, the surest first."""
    slots = facts.select(["fact_id", "subject", "relation", "question"])
    names = {row["fact_id"]: row for row in slots.to_pylist()}
    pairs = suspected_duplicates(slots).to_pylist()
    return [
        {**names[pair["fact_id"]], **pair}
        | {f"other_{name}": names[pair["other"]][name] for name in ("subject", "relation")}
        for pair in sorted(pairs, key=lambda pair: -pair["score"])
    ]


def _spelt_out(texts: Iterable[str]) -> pa.Table:
    """Return texts in Latin letters, as they sound and, if they imitate such, as they look."""
    found = [(text, _latin(text), _look(text)) for text in texts]
    names = ("text", "plain", "look")
    return pa.table(
        {name: pa.array([row[i] for row in found], pa.string()) for i, name in enumerate(names)}
    )


def _latin(text: str) -> str:
    return anyascii(unicodedata.normalize("NFKC", text))


def _look(text: str) -> str | None:
    """Return what the text looks like, if another script's letters look like Latin ones in it."""
    composed = unicodedata.normalize("NFKC", text)
    seen = composed.translate(LOOK_ALIKES)
    return anyascii(seen) if seen != composed and _is_latin(seen) else None


def _is_latin(text: str) -> bool:
    return all(
        char.isascii() or unicodedata.name(char, "").startswith("LATIN")
        for char in text
        if char.isalpha()
    )
