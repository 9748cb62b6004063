"""How names of people are read from text, and when two of them may be one person."""

import html
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from anyascii import anyascii
from rapidfuzz.distance import OSA

_PARTICLES = (
    "van von der den de del della di da dos das du la le ter ten zu zur af av bin ibn el al"
)
_ROLES = (
    "author authors joint by edt ed eds editor editors edited foreword frw ilt illustrator "
    "translator trn contributor with introduction prepared compiled written"
)
_TITLES = "dr prof professor phd ph mr mrs ms sir jr sr ii iii iv md msc bsc esq"
_NICKNAMES = (
    "bob rob robert bobby|bill will william billy|dick rick richard|ted ed edward theodore ned|"
    "tony anthony|jim james jimmy|jack john johnny|peggy margaret maggie meg|betty liz elizabeth|"
    "kathy kate katherine catherine cathy|chuck charles charlie|hank henry harry|larry lawrence|"
    "mike michael|nick nicholas|tom thomas|steve stephen steven|joe joseph|dave david|dan daniel|"
    "don donald|ken kenneth|greg gregory|jeff jeffrey geoffrey geoff|ron ronald|ray raymond"
)
PARTICLES = frozenset(_PARTICLES.split())
_NO_NAMES = frozenset(f"{_ROLES} {_TITLES}".split())
_FORMS: dict[str, frozenset[int]] = {}
for _number, _names in enumerate(_NICKNAMES.split("|")):
    for _name in _names.split():
        _FORMS[_name] = _FORMS.get(_name, frozenset()) | {_number}

_LAST_LATIN_GREEK_CYRILLIC = "\u052f"
_MIN_TYPO_LETTERS = 5
_MIN_PREFIX_LETTERS = 3


@dataclass(frozen=True, order=True)
class Person:
    """A name: the family name, and the given names or initials in order."""

    family: tuple[str, ...]
    given: tuple[str, ...]

    @property
    def core(self) -> str:
        """The word of the family name by which it is compared: 'linden' of 'van der Linden'."""
        return self.family[-1]

    @property
    def others(self) -> tuple[str, ...]:
        """All words but the core and the particles."""
        words = (*self.given, *self.family[:-1])
        return tuple(word for word in words if word not in PARTICLES)


def write_key(people: Iterable[Person]) -> str:
    """Write people as a key: sorted, each once."""
    texts = {", ".join(filter(None, (" ".join(one.family), " ".join(one.given)))) for one in people}
    return "; ".join(sorted(texts))


def read_key(key: str) -> tuple[Person, ...]:
    """Read what `write_key` wrote; of another text, what looks like names."""
    people = []
    for part in key.split("; "):
        family, _, given = part.partition(", ")
        if family.split():
            people.append(Person(tuple(family.split()), tuple(given.split())))
    return tuple(people)


def read_people(value: str, *, single: bool = False) -> tuple[Person, ...]:
    """Read the people that a text lists; `single`: it names one."""
    text = re.sub(r"\bet\.? al\b\.?|\band others\b", " ", _plain(value))
    text = re.sub(r"\([^)]*\)?", " ", text)
    people: list[Person] = []
    for part in [text] if single else re.split(r"[;/|&\n]|\band\b", text):
        names = [_words(name) for name in part.split(",")]
        people += _read_names([words for words in names if words], single=single)
    return tuple(sorted(set(people)))


def one_person(one: Person, other: Person) -> bool:
    """Tell whether two names may be one person's: no given name contradicts."""
    if one.core != other.core and not _is_typo(one, other):
        return sorted(one.family + one.given) == sorted(other.family + other.given)
    if not one.others or not other.others:
        return True
    return any(_agree(one.others[0], word) for word in other.others) or any(
        _agree(other.others[0], word) for word in one.others
    )


def same_people(some: Iterable[Person], others: Iterable[Person]) -> bool:
    """Tell whether both lists may name the same people, each once."""
    left, right = list(some), list(others)
    if not left or len(left) != len(right):
        return False
    for person in left:
        twin = next((known for known in right if one_person(person, known)), None)
        if twin is None:
            return False
        right.remove(twin)
    return True


def explained(some: tuple[Person, ...], others: tuple[Person, ...]) -> bool:
    """Tell whether every word of `some` is a name of `others`, and no family of them is missing.

    Words run together ('JimReuter') are taken apart where both halves are such names.
    """
    if not others:
        return False
    known = {word for one in others for word in (*one.family, *one.given)}
    words: list[str] = []
    for word in (word for one in some for word in (*one.family, *one.given)):
        words += [word] if word in known else _halves(word, known) or [word]
    if not Counter(one.core for one in others) <= Counter(words):
        return False
    givens = {word for one in others for word in one.others}
    rest = [word for word in words if word not in known and word not in PARTICLES]
    return all(any(_agree(word, given) for given in givens) for word in rest)


def _plain(value: str) -> str:
    text = unicodedata.normalize("NFKC", html.unescape(html.unescape(value)))
    latin = "".join(anyascii(c) if c <= _LAST_LATIN_GREEK_CYRILLIC else c for c in text)
    return re.sub(r"[\u2019'`\u00b4]", "", latin).casefold()


def _words(name: str) -> list[str]:
    words = re.sub(r"[^\w]+", " ", name).replace("_", " ").split()
    return [word for word in words if word not in _NO_NAMES]


def _read_names(names: list[list[str]], *, single: bool) -> list[Person]:
    if not names:
        return []
    if len(names) == 1:
        return [_in_order(names[0])]
    if single or (len(names) == 2 and (_is_family(names[0]) or len(names[1]) == 1)):
        return [_of(names[0], [word for name in names[1:] for word in name])]
    if all(len(name) > 1 for name in names):
        return [_in_order(name) for name in names]
    if len(names) % 2 == 0 and all(_is_family(name) for name in names[::2]):
        return [_of(family, given) for family, given in zip(names[::2], names[1::2], strict=True)]
    if _is_family(names[0]) and all(len(name) > 1 for name in names[1:-1]):
        return _chain(names)
    return [_in_order(name) for name in names]


def _chain(names: list[list[str]]) -> list[Person]:
    """Read 'Gray, Jim Reuter, Andreas': the last word of a part is the next one's family."""
    people, family = [], names[0]
    for name in names[1:-1]:
        people.append(_of(family, name[:-1]))
        family = name[-1:]
    return [*people, _of(family, names[-1])]


def _is_family(words: list[str]) -> bool:
    return all(word in PARTICLES for word in words[:-1])


def _in_order(words: list[str]) -> Person:
    if len(words) > 2 and len(words[-1]) == 1 and len(words[0]) > 1 and len(words[-2]) > 1:
        # 'Ambler Scott W': initials come after a given name, never after the family name.
        return _of(words[:1], words[1:])
    start = len(words) - 1
    while start > 1 and words[start - 1] in PARTICLES:
        start -= 1
    return _of(words[start:], words[:start])


def _of(family: list[str], given: list[str]) -> Person:
    return Person(tuple(family), tuple(given))


def _is_typo(one: Person, other: Person) -> bool:
    if min(len(one.core), len(other.core)) < _MIN_TYPO_LETTERS or not one.given or not other.given:
        return False
    return OSA.distance(one.core, other.core) <= 1 and _agree(one.given[0], other.given[0])


def _agree(word: str, other: str) -> bool:
    short, long = sorted((word, other), key=lambda text: (len(text), text))
    if (len(short) == 1 or len(short) >= _MIN_PREFIX_LETTERS) and long.startswith(short):
        return True
    return bool(_FORMS.get(word, frozenset()) & _FORMS.get(other, frozenset()))


def _halves(word: str, known: set[str]) -> list[str]:
    for cut in range(1, len(word)):
        if word[:cut] in known and word[cut:] in known:
            return [word[:cut], word[cut:]]
    return []
