"""How people vary the surface of a question: a fixed list, none of which tuning sees.

Those of tuning are in `lamini.tuning.surface`.
"""

from collections.abc import Callable

_BARE = "?.! "
VARIANTS: dict[str, Callable[[str], str]] = {
    "as it stands": lambda q: q,
    "no end": lambda q: q.rstrip(_BARE),
    "lower case": str.lower,
    "lower case, no end": lambda q: q.lower().rstrip(_BARE),
    "UPPER CASE": str.upper,
    "thanks": lambda q: q + " Thanks a lot!",
    "please": lambda q: "Please: " + q,
    "quotes": lambda q: f"\u201c{q}\u201d",
    "a sentence before": lambda q: "I am filling in a customs form. " + q,
    "a sentence after": lambda q: q + " It is for a form.",
    "full-width mark": lambda q: q.rstrip(_BARE) + "\uff1f",
    "line breaks": lambda q: "Hi,\n\n" + q + "\n",
    "markdown, emoji": lambda q: f"**{q}** \U0001f64f",
}
