"""Which subjects a text names, and where: a dictionary of surfaces, the longest mentions first.

A code of up to three letters is meant only where it is written as such; a typing error is looked
for only where nothing was found, and never in a word of the language. A mention of two subjects is
given for both: what is asked decides between them, or nothing does.

Sources: Cucerzan 2007, "Large-scale named entity disambiguation" (surfaces of aliases); Boytsov
2011 (edit distance over a dictionary by length and first letter).
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rapidfuzz.distance import OSA, Levenshtein

from lamini.asked.surfaces import ALIAS, DERIVED, EXACT, FUZZY, GENERIC, PARTIAL, surfaces
from lamini.asked.text import Token, plain, tokens
from lamini.asked.word_list import STOP, WordList

_DOUBLED = re.compile(r"(.)\1+")
_DIGITS = re.compile(r"\d+")
_LONGEST = 12
_SHORT_CODE = 3
_SPREAD = 12
"""Subjects that a part of a name may lead to."""
_SURE = 0.9
EVERYDAY = 0.65
"""Sureness of a word like any other that the table has as a name: the package "six"."""
_WITHIN = frozenset({"of", "the", "in", "from", "for"})
"""Words that may stand within a name: the 4th district of Tennessee."""
_DIRECTIONS = frozenset(
    {"north", "south", "east", "west", "northern", "southern", "eastern", "western"}
)
_AGES = frozenset({"new", "old"})
_WATERS = frozenset({"gulf", "bay", "sea", "strait"})
_PLACES = frozenset(
    {
        "river",
        "city",
        "sea",
        "gulf",
        "bay",
        "valley",
        "desert",
        "street",
        "avenue",
        "canal",
        "strait",
        "peninsula",
    }
)
"""Words that make a longer name of what they stand beside: New Mexico, Niger River."""
_BEFORE_A_PLACE = frozenset({"of", "in", "for", "from"})
_COUNTED = {"one": "1", "two": "2", "three": "3", "i": "1", "ii": "2", "iii": "3"}
_PART_LETTERS = 4
_FUZZY_LETTERS = 5
_LONG = 9
"""Letters from which a name may hold two typing errors."""
_VOWELS = frozenset("aeiouy")
_SOUND_ALIKE = (frozenset("cksz"), frozenset("dt"), frozenset("bp"), frozenset("fv"))
_KEYBOARD = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_ALIKE = 0.6
"""Share of letters from which a name is proposed for a word that names nobody."""


@dataclass(frozen=True, slots=True)
class Mention:
    """A stretch of a text that names a subject."""

    start: int
    end: int
    subject: int
    """Row of the subject in the list of names."""
    kind: int
    sure: float
    """1 where nothing speaks against it."""


class Names:
    """The surfaces of all subjects, looked up in texts."""

    def __init__(
        self,
        subjects: Sequence[str],
        others: Sequence[Iterable[str]],
        words: WordList,
        asked: frozenset[str] = frozenset(),
    ) -> None:
        """Index the subjects and what else each is called; `asked` are words of questions."""
        self.subjects = list(subjects)
        self.words = words
        self._asked = asked
        self._found: dict[str, dict[int, int]] = defaultdict(dict)
        for row, (subject, aliases) in enumerate(zip(subjects, others, strict=True)):
            for surface, kind in surfaces(subject):
                self._add(surface, row, kind)
            for alias in aliases:
                for surface, kind in surfaces(alias):
                    self._add(surface, row, max(ALIAS, kind))
        self._codes = {
            row for row, s in enumerate(subjects) if len(s) <= _SHORT_CODE and s.isupper()
        }
        self._add_parts()
        self._found.pop("", None)
        self._longest = min(_LONGEST, max((s.count(" ") + 1 for s in self._found), default=1))
        self._parts = {word for surface in self._found for word in surface.split()}
        self._near: dict[tuple[str, int], list[str]] = defaultdict(list)
        for surface in self._found:
            if len(surface) >= _FUZZY_LETTERS and not surface.isdigit():
                self._near[surface[0], len(surface)].append(surface)

    def _add(self, surface: str, row: int, kind: int) -> None:
        known = self._found[surface]
        known[row] = min(kind, known.get(row, kind))

    def _add_parts(self) -> None:
        """Let the rare words of longer names stand for them: "disney", "ohio 13"."""
        by_word: dict[str, list[int]] = defaultdict(list)
        split = [plain(subject).split() for subject in self.subjects]
        self._words = [frozenset(w for w in parts if w not in STOP) for parts in split]
        for row, parts in enumerate(split):
            for word in set(parts):
                by_word[word].append(row)
        common = max(_SPREAD, len(split) // 4)
        self._rows_of = {word: frozenset(rows) for word, rows in by_word.items()}
        self._add_beginnings(split)
        for row, parts in enumerate(split):
            rare = [w for w in parts if len(by_word[w]) <= common and w not in STOP]
            joined = " ".join(rare)
            if 1 < len(rare) < len(parts) and EXACT not in self._found[joined].values():
                self._add(joined, row, DERIVED)
        for word, rows in by_word.items():
            common_word = word in STOP | self._asked | GENERIC
            bare = len(word) < _PART_LETTERS or word.isdigit() or common_word
            if len(rows) <= _SPREAD and not bare and word not in self._found:
                for row in rows:
                    self._add(word, row, PARTIAL)

    def _add_beginnings(self, split: Sequence[list[str]]) -> None:
        """Let two words or more that begin the name of one subject alone stand for it."""
        begun: dict[str, set[int]] = defaultdict(set)
        for row, parts in enumerate(split):
            for length in range(2, min(len(parts), _LONGEST)):
                begun[" ".join(parts[:length])].add(row)
        for words, rows in begun.items():
            telling = [w for w in words.split() if w not in STOP and not w.isdigit()]
            if len(rows) == 1 and len(telling) > 1 and words not in self._found:
                self._add(words, next(iter(rows)), DERIVED)

    def surfaces_of(self) -> Mapping[int, list[str]]:
        """Return the plain surfaces that name one subject alone, by subject."""
        found: dict[int, list[str]] = defaultdict(list)
        for surface, rows in self._found.items():
            if len(rows) == 1:
                ((row, kind),) = rows.items()
                if kind in (ALIAS, DERIVED) and len(surface) > _SHORT_CODE:
                    found[row].append(surface)
        return found

    def mentions(self, text: str) -> list[Mention]:
        """Return the longest mentions in the text, in order of length; none lies within another."""
        found = tokens(text)
        kept: list[Mention] = []
        for mention in sorted(self._exact(text, found), key=_rank):
            if _is_longer(found, mention):
                continue
            around = [m for m in kept if m.start <= mention.start and mention.end <= m.end]
            alike = all((m.start, m.end) == (mention.start, mention.end) for m in around)
            if alike and all(m.subject != mention.subject for m in around):
                kept.append(mention)
        if (spread := self._scattered(found)) and not any(
            m.sure >= _SURE and m.start < spread.end and spread.start < m.end for m in kept
        ):
            kept = [m for m in kept if m.end <= spread.start or spread.end <= m.start] + [spread]
        if not any(mention.sure >= _SURE for mention in kept):
            kept += self._misspelt(found)
        return kept

    def _scattered(self, found: Sequence[Token]) -> Mention | None:
        """Return the one subject of a systematic name whose telling words the text has somewhere.

        What may lack are words that many names share: "class 1 senator of Vermont" names the
        "Vermont U.S. Senate seat (class 1)". Numbers never lack.
        """
        said = [self._part(_COUNTED.get(token.plain, token.plain)) for token in found]
        words = {w for w in said if w not in STOP and w in self._rows_of}
        rarest = min(words, key=lambda w: (len(self._rows_of[w]), w.isdigit(), w), default="")
        if len(words) < 2 or rarest.isdigit():
            return None
        said_of = {
            row: (len(words & self._words[row]), -len(self._words[row]))
            for row in self._rows_of[rarest]
        }
        most = max(said_of.values())
        best = [row for row, number in said_of.items() if number == most]
        if most[0] < 2 or len(best) > 1:
            return None
        missing = self._words[best[0]] - words
        shared = {w for w in self._words[best[0]] if len(self._rows_of[w]) > _SPREAD}
        if not shared or any(w.isdigit() or w not in shared for w in missing):
            return None
        first = last = said.index(rarest)
        first, last = self._whole(found, first, last, best[0])
        return Mention(found[first].start, found[last].end, best[0], DERIVED, 1.0)

    def _part(self, word: str) -> str:
        """Return the word without an s that no name has it with."""
        bare = word.removesuffix("s")
        return bare if word not in self._parts and bare in self._parts else word

    def nearest(self, text: str, number: int = 3) -> list[str]:
        """Return subjects that the text may have meant, the nearest first."""
        best: Counter[int] = Counter()
        for word in tokens(text):
            if len(word.plain) < _PART_LETTERS or self._is_of_a_question(word):
                continue
            for surface in self._alike(word.plain, 2 + len(word.plain) // 6):
                alike = 1 - OSA.distance(word.plain, surface) / len(word.plain)
                for row in self._found[surface] if alike >= _ALIKE else ():
                    best[row] = max(best[row], int(1000 * alike))
        return [self.subjects[row] for row, _ in best.most_common(number)]

    def _is_of_a_question(self, word: Token) -> bool:
        ordinary = word.raw.islower() and self.words.is_ordinary(word.plain)
        return ordinary or word.plain in self._asked or self.words.is_frequent(word.plain)

    def _exact(self, text: str, found: Sequence[Token]) -> Iterator[Mention]:
        small = text == text.lower()
        for length in range(min(self._longest, len(found)), 0, -1):
            for start in range(len(found) - length + 1):
                run = found[start : start + length]
                for row, kind in self._rows([token.plain for token in run]).items():
                    raw = text[run[0].start : run[-1].end]
                    sure = self._sureness(raw, run, row, kind, small, text)
                    if sure:
                        first, last = self._whole(found, start, start + length - 1, row)
                        yield Mention(found[first].start, found[last].end, row, kind, sure)

    def _whole(self, found: Sequence[Token], first: int, last: int, row: int) -> tuple[int, int]:
        """Return the run with the words beside it that are of the subject's name as well."""
        name = self._words[row]
        for step in (-1, 1):
            at = (first if step < 0 else last) + step
            while 0 <= at < len(found):
                if found[at].plain in name:
                    first, last = min(first, at), max(last, at)
                elif found[at].plain not in _WITHIN:
                    break
                at += step
        return first, last

    def _rows(self, words: list[str]) -> Mapping[int, int]:
        surface = " ".join(words)
        if surface in self._found:
            return self._found[surface]
        if len(words) > 1:
            surface = " ".join(map(self._part, words))
            if surface in self._found:
                return self._found[surface]
        if len(surface) > _PART_LETTERS and surface.endswith("s"):
            return self._found.get(surface[:-1], {})
        telling = [word for word in words if word not in STOP | GENERIC]
        return self._found.get(f"{surface}s", {}) if len(words) > 1 and telling else {}

    def _sureness(
        self, raw: str, run: Sequence[Token], row: int, kind: int, small: bool, text: str
    ) -> float:
        surface = " ".join(token.plain for token in run)
        if kind == PARTIAL:
            return 0.5
        if len(run) > 1:
            return 1.0
        if len(surface) <= _SHORT_CODE and (row in self._codes or not surface.isdigit()):
            if raw.isupper() and (row not in self._codes or raw == self.subjects[row]):
                # Of a text all in capitals any word might be a code.
                return 1.0 if text != text.upper() or len(text) <= 2 * len(raw) + 2 else 0.5
            if self.words.is_frequent(surface):
                if raw == self.subjects[row] and surface not in STOP:
                    return EVERYDAY
                return 0.7 if small and surface in ("us", "uk") else 0.0
            return 0.7 if small else (0.9 if raw[0].isupper() and row not in self._codes else 0.3)
        if surface in STOP:
            return 0.0
        if raw[0].islower() and self.words.is_ordinary(surface) and kind != EXACT and not small:
            return 0.8
        return 1.0

    def _misspelt(self, found: Sequence[Token]) -> list[Mention]:
        best: list[tuple[float, Mention]] = []
        for length in range(min(4, len(found)), 0, -1):
            for start in range(len(found) - length + 1):
                run = found[start : start + length]
                written = " ".join(token.plain for token in run)
                for distance, surface in self._typed(written, length == 1):
                    for row, kind in self._found[surface].items():
                        unique = len(self._found[surface]) == 1
                        if kind < FUZZY or (kind == PARTIAL and unique):
                            share = distance / len(written) + (0.02 if kind == PARTIAL else 0)
                            mention = Mention(run[0].start, run[-1].end, row, FUZZY, 0.6 - share)
                            best.append((share, mention))
        least = min((share for share, _ in best), default=0.0)
        return [mention for share, mention in best if share <= least + 1e-9][:6]

    def _typed(self, written: str, alone: bool) -> Iterator[tuple[int, str]]:
        """Yield the surfaces that this may be a slip of, with their distance."""
        for form in dict.fromkeys((written, written.removesuffix("s"))):
            if len(form) < _FUZZY_LETTERS or (
                alone and (self.words.is_ordinary(form) or form in self._asked)
            ):
                continue
            most = 1 if len(form) < _LONG else 2
            digits = _DIGITS.findall(form)
            for surface in self._alike(form, most):
                if _DIGITS.findall(surface) != digits:
                    continue
                distance = OSA.distance(form, surface, score_cutoff=most)
                if 0 < distance <= most and self._is_slip(form, surface, distance):
                    yield distance, surface

    def _is_slip(self, form: str, surface: str, distance: int) -> bool:
        """Return whether who wrote `form` may have meant the surface, not another name like it.

        South America is no slip of South Africa: "america" is a word. Of two errors each must be
        one that hands or ears make; any two letters make Liberland of Liberian.
        """
        words, own = form.split(), {*surface.split()}
        if len(words) > 1 and any(w not in own and self.words.is_ordinary(w) for w in words):
            return False
        return distance == 1 or sorted(form) == sorted(surface) or _are_slips(form, surface)

    def _alike(self, written: str, most: int) -> Iterator[str]:
        for size in range(len(written) - most, len(written) + most + 1):
            for first in {written[0], written[1:2]} - {""}:
                yield from self._near.get((first, size), ())


def _is_longer(found: Sequence[Token], mention: Mention) -> bool:
    """Return whether the mention is a part of a name that is somebody else's: New Mexico."""
    before = [token for token in found if token.end <= mention.start][-2:]
    after = next((token for token in found if token.start >= mention.end), None)
    if after and after.plain in _PLACES and after.start - mention.end <= 1:
        return True
    if not before:
        return False
    last = before[-1]
    if len(before) > 1 and last.plain == "of" and before[0].plain in _WATERS:
        return True
    if mention.start - last.end != 1:
        return False
    if last.plain in _AGES:
        placed = len(before) > 1 and before[0].plain in _BEFORE_A_PLACE
        return last.raw[0].isupper() or placed
    return last.plain in _DIRECTIONS


def _are_slips(written: str, surface: str) -> bool:
    """Return whether each letter that differs was doubled, lost, or mistaken for one like it."""
    one, other = (_DOUBLED.sub(r"\1", text) for text in (written, surface))
    return all(
        change.tag == "insert"
        or (change.tag == "delete" and one[change.src_pos] in " h")
        or (change.tag == "replace" and _confused(one[change.src_pos], other[change.dest_pos]))
        for change in Levenshtein.editops(one, other)
    )


def _confused(one: str, other: str) -> bool:
    if {one, other} <= _VOWELS or any({one, other} <= alike for alike in _SOUND_ALIKE):
        return True
    return any(
        abs(row.find(one) - near.find(other)) <= 1
        for r, row in enumerate(_KEYBOARD)
        for near in _KEYBOARD[max(0, r - 1) : r + 2]
        if one in row and other in near
    )


def _rank(mention: Mention) -> tuple[int, int, float, int]:
    return mention.start - mention.end, mention.kind, -mention.sure, mention.subject
