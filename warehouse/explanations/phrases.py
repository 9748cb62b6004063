"""The words in which a possible change of a decision is told."""

from collections.abc import Sequence
from datetime import date

from warehouse.explanations.supposing import Said

UNNAMED = "another value"
_EFFECTS = {
    "wins": "would decide for it",
    "ties": "would make it a tie, and so no answer",
    "joins": "would add it to the set",
    "none": "would leave no answer",
}


def sources(value: str | None, like: Said, number: int) -> str:
    """Name so many new sources that say what its strongest one says."""
    plural = "" if number == 1 else "s"
    seen = f"observed {like.observed_at}" if like.observed_at else "without a date"
    return (
        f"{number} more source{plural} for {_named(value)} (authority {like.authority:g}, {seen})"
    )


def authority(value: str | None, above: float) -> str:
    """Name a claim of higher authority."""
    return f"a claim of {_named(value)} with an authority above {above:g}"


def observation(value: str | None, after: date, authority: float | None) -> str:
    """Name a later observation."""
    when = "with a date" if after == date.min else f"after {after}"
    power = "" if authority is None else f", with authority {authority:g}"
    return f"an observation of {_named(value)} {when}{power}"


def any_claim() -> str:
    """Name a claim of whatever strength."""
    return "any valid claim of another value"


def withdrawal(value: str, withdrawn: Sequence[str]) -> str:
    """Name the sources that would have to take a value back."""
    return f"if {_listed(withdrawn)} withdrew {_named(value)}"


def released(value: str, source: str) -> str:
    """Name a claim that is held back."""
    return f"if {source} repeated {_named(value)}, which is held back as a suspected bad import"


def sentence(words: str, kind: str, value: str | None, effect: str, new_answer: str | None) -> str:
    """Put a change and its effect into one sentence."""
    if kind in ("withdrawal", "release"):
        return f"{words}, {_then(value, effect, new_answer)}"
    return f"{words} {_EFFECTS[effect]}"


def _then(value: str | None, effect: str, new_answer: str | None) -> str:
    if effect == "ties":
        return "it would be a tie, and so no answer"
    if effect == "none":
        return "no answer would be left"
    if effect == "leaves":
        return f"{_named(value)} would leave the set"
    if effect == "joins":
        return f"{_named(value)} would join the set"
    return f"the answer would be {_named(new_answer)}"


def _named(value: str | None) -> str:
    return UNNAMED if value in (None, UNNAMED) else f'"{value}"'


def _listed(names: Sequence[str]) -> str:
    if len(names) == 1:
        return names[0]
    return f"{', '.join(names[:-1])} and {names[-1]}"
