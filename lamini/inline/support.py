"""Sentences that speak of a known slot, and hold no value that memory said or that the table has.

They may be right or wrong: nothing stands behind them.
"""

import re
from collections.abc import Callable, Iterator, Sequence

from lamini.inline.arming import Arming
from lamini.inline.writing import Span, Value

_SENTENCE = re.compile(r"[^.?!\n]+(?:[.?!](?!\s|$)[^.?!\n]*)*[.?!]?")


def unsupported(
    arming: Arming,
    prompt: str,
    text: str,
    spans: Sequence[Span],
    value_of: Callable[[int], Value | None],
) -> Iterator[tuple[int, int]]:
    """Yield where such sentences begin and end.

    The subject is the one that the sentence names, else the last one named before it.
    """
    if not arming.wants_facts(prompt):
        return
    subject = next((m.subject for m in reversed(arming.mentions(prompt))), None)
    for sentence in _SENTENCE.finditer(text):
        named = arming.mentions(sentence.group())
        subjects = [m.subject for m in named] or ([] if subject is None else [subject])
        subject = subjects[-1] if subjects else None
        said = {s.fact for s in spans if sentence.start() <= s.start < sentence.end()}
        for relation in range(len(arming.relations)):
            facts = [arming.fact(one, relation) for one in subjects]
            rows = {row for row in facts if row is not None}
            values = [value_of(row) for row in rows - said]
            told = bool(rows & said) or any(v and v.text in sentence.group() for v in values)
            if rows and not told and arming.is_named(relation, sentence.group()):
                start = sentence.start() + len(sentence.group()) - len(sentence.group().lstrip())
                yield start, sentence.end()
                break
