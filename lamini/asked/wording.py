"""What of a prompt is the question: greetings and thanks off, the subject masked, slips mended.

A prompt is looked at as a whole and sentence by sentence, since people tell a story before they
ask; "it" in one sentence is the subject that another one names.
"""

import re
from collections.abc import Iterator, Sequence

from rapidfuzz.distance import OSA

from lamini.asked.text import unmarked
from lamini.asked.word_list import STOP, WordList

MASK = "X"
"""What stands for the subject."""
_VIEWS = 5
_MENDED_LETTERS = 4
_LONG = 8

_MARKUP = re.compile(
    r"[*_`#>~|]+(?=\S)|(?<=\S)[*_`~|]+|[\U0001F000-\U0001FAFF\u2600-\u27BF\uFE0F]|:-?[)(D]"
)
_GREETING = re.compile(
    r"^\W*(?:(?:hi|hello|hey|hallo|hiya|greetings|good (?:morning|evening|day|afternoon)|"
    r"dear (?:all|team|colleagues)|"
    r"quick (?:question|one)|one question|sorry|excuse me|ok(?:ay)?|so|and|um+|well|please|pls|"
    r"question|q|fyi|listen|right)\b"
    r"(?: (?:there|all|team|everyone|again|guys|folks))?[\s,!.:;-]*)+",
    re.I,
)
_POLITE = re.compile(
    r"^\W*(?:(?:can|could|would|will) you (?:please |kindly |maybe |quickly |perhaps )*"
    r"(?:tell me|give me|let me know|look up|find out|say|check|remind me(?: of)?|"
    r"help me(?: find(?: out)?)?)|"
    r"do you (?:happen to )?(?:know|remember)|i(?:'d| would)? ?(?:like|love|want|need|wish|"
    r"have) to (?:know|find out|ask)|"
    r"(?:please )?tell me|any(?:one|body)? (?:know|idea)|i(?:'m| am) (?:wondering|curious|"
    r"looking for|trying to find(?: out)?)|"
    r"i wonder|let me know|remind me(?: of)?|someone (?:asked|asks) me|what i need is|"
    r"i forgot)[\s,:]*(?:if |whether |about )?(?=\w)",
    re.I,
)
_CLOSING = re.compile(
    r"[\s,.!;:-]*\b(?:many thanks|thanks?(?: you)?(?: (?:a lot|so much|in advance|very much))?|"
    r"thx|ty|please|pls|plz|cheers|"
    r"by the way|btw|again|right now|these days|at the moment|currently|nowadays|now|today|asap|"
    r"exactly|i wonder|"
    r"do you know|if you know|for me|answer briefly|just the (?:value|answer|code|name|"
    r"number))[\s.!?)]*$",
    re.I,
)
_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n+|\s[-\u2013\u2014]\s")
_CLAUSE = re.compile(
    r",\s+(?=(?:(?:in|on|for|with|to|by|and) )?(?:what|which|who|whose|where|when|how|tell|"
    r"give)\b)",
    re.I,
)
_PRONOUN = re.compile(
    r"\b(?:it|they|them|this|that one|that|there|its|their|his|her|he|she)\b", re.I
)
_JOINED = re.compile(
    r",?\s+(?:and|also|plus)\s+(?=(?:what|which|who|whose|where|when|how|its|the|their)\b)|"
    r",\s+(?=(?:what|which|who|whose|where|when|how)\b)",
    re.I,
)
_AND_CLAUSE = re.compile(
    r",?\s+(?:and|also|plus)\s+(?=(?:what|which|who|whose|where|when|how)\b)", re.I
)
_AND = re.compile(
    r"(?:'s?)?\s*(?:,|;|/|&|\band\b|\bor\b|\bplus\b|\bas well as\b|\bversus\b|\bvs\.?)\s*"
    r"(?:and\s+)?(?:(?:for|of|in|the|that of|to)\s+)*",
    re.I,
)
_NOUNS = re.compile(
    r"\s*(?:,\s*(?:and\s+)?|\s+(?:and|plus|as well as)\s+|\s*&\s*)(?:also\s+)?", re.I
)
"""What joins two things that are asked of one subject: capital and currency."""
_LAST = re.compile(r"&|\b(?:and|plus)\b", re.I)
_MINE = re.compile(r"\b(?:my|our|your)\b", re.I)
_ASKS = re.compile(
    r"\b(?:who|whom|whose|what|whats|which|when|where|how|tell|give|name|need|look up)\b", re.I
)
_FOLLOWS = re.compile(
    rf"\W*(?:and|or|but|what about|how about|same)\b[\s,]*(?:(?:of|for|in|with|that of)\s+)?"
    rf"(?:the )?{MASK}(?:'s)?(?: too)?\W*",
    re.I,
)
_WORD = re.compile(r"[^\W_]+(?:-[^\W_]+)*")
_ARTICLES = frozenset({"the", "a", "an", "its", "their", "also"})
_NOUN_WORDS = 4
_OWNED = re.compile(r"\b(?:its|their|his|her(?= \w))\b", re.I)
_TURN = re.compile(r"^\W*(?:and|also|but|what about|how about)\b[\s,]*(?:what about\s+)?", re.I)
_MASKED = re.compile(rf"\b{MASK}\b")
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f]+")
_SPACE = re.compile(r"\s+")
_QUOTES = "\"'\u201c\u201d\u2018\u2019\u00ab\u00bb"


def tidy(text: str) -> str:
    """Return the text without markup, emoji and spare space, line by line."""
    plain = text.replace("\u2019", "'").replace("\uff1f", "?").replace("\u00a0", " ")
    lines = (_SPACE.sub(" ", line).strip() for line in _MARKUP.sub(" ", plain).splitlines())
    return "\n".join(line for line in lines if line)


def cleaned(text: str) -> str:
    """Return a question without what is said before and after it out of politeness."""
    said = text.strip().strip(_QUOTES).strip()
    for _ in range(4):
        shorter = _POLITE.sub("", _GREETING.sub("", said))
        shorter = _CLOSING.sub("", shorter).strip().strip(_QUOTES).strip()
        if len(shorter) < 3 or shorter == said:
            break
        said = shorter
    return said


def sentences(text: str, whole: Sequence[tuple[int, int]] = ()) -> list[str]:
    """Return the sentences and lines of a text; none ends inside a `whole` span of it.

    U.S. Virgin Islands and Congo - Kinshasa look as if one did.
    """
    ends = [match.span() for match in _SENTENCE.finditer(text)]
    ends = [(a, b) for a, b in ends if not any(start < b and a < end for start, end in whole)]
    starts = [0, *(b for _, b in ends)]
    stops = [*(a for a, _ in ends), len(text)]
    parts = [text[start:stop].strip() for start, stop in zip(starts, stops, strict=True)]
    return [part for part in parts if part]


def masked(text: str, start: int, end: int) -> str:
    """Return the text with the mention in it replaced by the mask."""
    return f"{text[:start].rstrip(' ')} {MASK}{_rest(text[end:])}".strip()


def _rest(after: str) -> str:
    return after if not after[:1].isalnum() else f" {after}"


def views(masked_text: str, mend: "Mend") -> list[str]:
    """Return what the masked prompt may ask: as a whole, then sentence by sentence."""
    whole = mend(masked_text)
    found = [_SPACE.sub(" ", cleaned(whole))]
    parts = [part for sentence in sentences(whole) for part in _CLAUSE.split(sentence)]
    if len(parts) > 1:
        asking = [cleaned(p) for p in parts if p.endswith("?") or _ASKS.search(p) or has_mask(p)]
        meant = [part if has_mask(part) else referring(part) for part in asking]
        found += [part for part in meant if len(part.split()) >= 2][1 - _VIEWS :]
    return list(dict.fromkeys(found))


def referring(part: str) -> str:
    """Return the part with the subject for what refers to it."""
    if _PRONOUN.search(part):
        return _PRONOUN.sub(MASK, part, count=1)
    return _MINE.sub(f"{MASK}'s", part, count=1)


def questions(text: str) -> list[str]:
    """Return the parts of a text that ask for something, where they are several."""
    parts = [part for sentence in sentences(text) for part in _JOINED.split(sentence)]
    asking = [part for part in parts if _ASKS.search(part)]
    return asking if len(asking) > 1 else []


def things(view: str) -> dict[str, str]:
    """Return the things that a view asks of one subject, each with the view that asks it alone.

    "the capital and the currency of X" asks for "the capital of X" and for "the currency of X".
    """
    parts = _halves(view if has_mask(view) else f"{view.rstrip('?.! ')} of {MASK}")
    if parts is None:
        return {}
    return {
        name: alone
        for thing, part in parts
        for name, alone in (things(part) or {thing: part}).items()
    }


def clauses(text: str) -> list[str]:
    """Return the questions of a text that "and" joins, each with a question word; else none."""
    parts = _AND_CLAUSE.split(text)
    return parts if len(parts) > 1 and all(map(_ASKS.search, parts)) else []


def _halves(view: str) -> tuple[tuple[str, str], tuple[str, str]] | None:
    for joint in _NOUNS.finditer(view):
        before, after = view[: joint.start()], view[joint.end() :]
        left, right = _run(before, last=True), _run(after, last=False)
        if left and right:
            (start, one), (end, other) = left, right
            # A comma alone also stands before what explains: "legal tender, iso 4217 code".
            if joint.group().strip() == "," and " " in one + other and not _LAST.search(after):
                continue
            return (one, before + after[end:]), (other, before[:start] + after)
    return None


def _run(text: str, *, last: bool) -> tuple[int, str] | None:
    """Return the words at an end of a text that name a thing, with where they begin or stop."""
    words = [*_WORD.finditer(text)]
    if not last:  # the next thing may have an article
        words = words[1:] if words and words[0].group().casefold() in _ARTICLES else words
    kept: list[re.Match[str]] = []
    for word in reversed(words) if last else words:
        told = word.group().casefold()
        apart = kept and _between(text, kept[-1], word).strip()
        if apart or told in STOP - {"name"} or word.group() == MASK or len(kept) == _NOUN_WORDS:
            break
        kept.append(word)
    if not kept:
        return None
    if last:
        return kept[-1].start(), text[kept[-1].start() : kept[0].end()]
    return kept[-1].end(), text[kept[0].start() : kept[-1].end()]


def _between(text: str, one: re.Match[str], other: re.Match[str]) -> str:
    first, second = sorted((one.span(), other.span()))
    return text[first[1] : second[0]]


def joins(between: str) -> bool:
    """Return whether two names with this between them are named together."""
    return _AND.fullmatch(between) is not None


def follows(masked_text: str) -> bool:
    """Return whether a text names its subject alone: what it asks stands in an earlier turn."""
    return _FOLLOWS.fullmatch(masked_text) is not None


def carried(text: str, subject: str) -> str | None:
    """Return what a turn that names nobody asks of the subject spoken of before.

    "and its capital?" and "and the capital?" ask so; None where nothing points back.
    """
    said = _SPACE.sub(" ", text).strip().rstrip("?.! ")
    bare = _TURN.sub("", said)
    meant = _OWNED.sub(f"{MASK}'s", bare, count=1)
    meant = meant if has_mask(meant) else referring(bare)
    if has_mask(meant):
        return fill(meant, subject)
    return f"{bare} of {subject}" if bare and bare != said else None


def has_mask(text: str) -> bool:
    """Return whether the mask stands in the text."""
    return _MASKED.search(text) is not None


def fill(text: str, subject: str) -> str:
    """Return the text with the subject where the mask stands."""
    return _MASKED.sub(lambda _: subject, text)


class Mend:
    """Puts words of questions for words that are none and an edit away from one."""

    def __init__(self, asked: Sequence[str], words: WordList) -> None:
        self._asked = frozenset(asked)
        self._words = words
        self._by_size: dict[int, list[str]] = {}
        for word in sorted(self._asked):
            if len(word) >= _MENDED_LETTERS and word.isalpha():
                self._by_size.setdefault(len(word), []).append(word)
        self._known: dict[str, str] = {}

    def __call__(self, text: str) -> str:
        return _LATIN.sub(lambda match: self._word(match.group()), text)

    def _word(self, word: str) -> str:
        form = unmarked(word).casefold()
        if len(form) < _MENDED_LETTERS or form in self._asked or self._words.is_ordinary(form):
            return word
        if form not in self._known:
            self._known[form] = self._nearest(form)
        return self._known[form] or word

    def _nearest(self, form: str) -> str:
        most = 1 if len(form) < _LONG else 2
        near = [
            (distance, self._words.rank.get(word, 99_999), word)
            for size in range(len(form) - most, len(form) + most + 1)
            for word in self._by_size.get(size, ())
            if (distance := OSA.distance(form, word, score_cutoff=most)) <= most
        ]
        return min(near)[2] if near else ""


def words_of(texts: Sequence[str]) -> Iterator[str]:
    """Yield the plain words of masked texts, the mask left out."""
    for text in texts:
        for match in _LATIN.finditer(_MASKED.sub(" ", text)):
            yield unmarked(match.group()).casefold()
