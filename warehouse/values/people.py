"""Names of people: one person, or a list of people as a set.

'Lastname, Firstname', initials, titles, roles in brackets and the order within a list are
spellings. Whether 'J. Smith' is 'Jane Smith' cannot be told in general, but it can within one slot,
so the key keeps all given names and `merged` joins those that do not contradict each other.
"""

import re
from collections.abc import Mapping

from warehouse.values.names import (
    Person,
    explained,
    one_person,
    read_key,
    read_people,
    same_people,
    write_key,
)
from warehouse.values.texts import Text

_UNREADABLE = re.compile(r"[^\W\d_]")


class SinglePerson:
    """Values that name one person."""

    def key(self, value: str) -> str:
        """Return 'lastname, given names' in small letters without accents, titles and roles."""
        if not _UNREADABLE.search(value):
            return Text().key(value)
        people = read_people(value, single=True)
        return write_key(people) or Text().key(value)

    def merged(self, num_claims: Mapping[str, int]) -> dict[str, str]:
        """Join names of one slot that may be one person: the most claimed one stands for them."""
        return _merged(num_claims)

    def support(self, key: str, other: str) -> float:
        """Return 1 where both may name one person, else 0."""
        return People().support(key, other)


class People:
    """Values that list people, in any order."""

    def key(self, value: str) -> str:
        """Return the sorted 'lastname, given names' of all, joined by '; '."""
        if not _UNREADABLE.search(value):
            return Text().key(value)
        return write_key(read_people(value)) or Text().key(value)

    def merged(self, num_claims: Mapping[str, int]) -> dict[str, str]:
        """Join lists of one slot that name the same people.

        What could not be read by itself ('GRAY, JIM REUTER, ANDREAS', 'Hart/Jesse') is read with
        the help of the slot's other lists: it is the list that explains every word of it.
        """
        return _merged(num_claims)

    def support(self, key: str, other: str) -> float:
        """Return the share of the key's people whom `other` names too."""
        if key == other:
            return 1.0
        people, others = read_key(key), list(read_key(other))
        if not people:
            return 0.0
        found = 0
        for person in people:
            twin = next((known for known in others if one_person(person, known)), None)
            if twin is not None:
                others.remove(twin)
                found += 1
        return found / len(people)


def _merged(num_claims: Mapping[str, int]) -> dict[str, str]:
    stands_for: dict[str, str] = {}
    known: list[tuple[str, tuple[Person, ...]]] = []
    for key in sorted(num_claims, key=lambda key: (-num_claims[key], key)):
        people = read_key(key)
        twin = next((name for name, other in known if same_people(people, other)), None)
        if twin is None:
            # The longest list first: it leaves no author out.
            longest = sorted(known, key=lambda pair: -len(pair[1]))
            twin = next((name for name, other in longest if explained(people, other)), None)
        stands_for[key] = key if twin is None else twin
        if twin is None:
            known.append((key, people))
    return stands_for
