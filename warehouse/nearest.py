"""Name what was probably meant, for error messages."""

import difflib
from collections.abc import Iterable


def hint(given: str, known: Iterable[str], *, what: str) -> str:
    """Return '; did you mean X?' if some name is close, and the names there are."""
    names = sorted(known)
    folded = {name.casefold(): name for name in reversed(names)}
    close = difflib.get_close_matches(given.casefold(), list(folded), n=1)
    guess = f"; did you mean {folded[close[0]]!r}?" if close else ""
    shown = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
    return f"{guess or ';'} {what}: {shown or 'none'}"
