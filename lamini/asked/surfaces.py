"""The ways in which a subject's name is written: without its legal form, joined, as an acronym."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from lamini.asked.text import plain, tokens, unmarked
from lamini.asked.wording import has_mask

EXACT, ALIAS, DERIVED, FUZZY, PARTIAL = range(5)
"""How a mention names its subject, the surest first."""

_LEGAL = frozenset(
    """
    inc incorporated corp corporation co company companies group holding holdings plc ltd limited
    llc lp ag sa se nv gmbh technologies international trust republic islands island federation
    """.split()  # noqa: SIM905
)
GENERIC = _LEGAL | frozenset(
    """
    state states kingdom union isle isles territory territories city town county country nation
    province region district land people commonwealth empire principality duchy emirate democratic
    north south east west northern southern eastern western central river lake sea bay mount coast
    bank university school college hospital church department ministry office agency
    """.split()  # noqa: SIM905
)
"""Words that many names share: none of them alone is a name, whatever the table holds."""
_SMALL = frozenset({"and", "of", "the", "for", "de", "la"})
_BRACKETED = re.compile(r"\s*\(([^)]*)\)")
_SAINT = (("st ", "saint "), ("saint ", "st "), (" and ", " "))
_STATES = {
    name.replace("_", " "): code
    for name, code in (
        pair.split(":")
        for pair in """
        alabama:al alaska:ak arizona:az arkansas:ar california:ca colorado:co connecticut:ct
        delaware:de florida:fl georgia:ga hawaii:hi idaho:id illinois:il indiana:in iowa:ia
        kansas:ks kentucky:ky louisiana:la maine:me maryland:md massachusetts:ma michigan:mi
        minnesota:mn mississippi:ms missouri:mo montana:mt nebraska:ne nevada:nv new_hampshire:nh
        new_jersey:nj new_mexico:nm new_york:ny north_carolina:nc north_dakota:nd ohio:oh
        oklahoma:ok oregon:or pennsylvania:pa rhode_island:ri south_carolina:sc south_dakota:sd
        tennessee:tn texas:tx utah:ut vermont:vt virginia:va washington:wa west_virginia:wv
        wisconsin:wi wyoming:wy puerto_rico:pr american_samoa:as
        """.split()  # noqa: SIM905
    )
}
"""States of the USA and their postal codes, by which what is numbered in them is called: TX-30."""
_NUMBERED = re.compile(rf"({'|'.join(_STATES)}) (?:\D+ )?(\d+)\b.*")
_PHRASES = 3
"""Facts that must share a phrasing for its changing part to be a name."""
_NAME_WORDS = 5


def surfaces(name: str) -> Iterator[tuple[str, int]]:
    """Yield plain forms of the name with how sure each is, some of them twice."""
    yield plain(name), EXACT
    base = _BRACKETED.sub("", name).strip()
    bracketed = _BRACKETED.search(name)
    if base and base != name:
        yield plain(base), ALIAS
        if bracketed and 0 < len(bracketed.group(1).split()) <= 2:
            yield plain(f"{bracketed.group(1)} {base}"), ALIAS
    if base.count(", ") == 1:  # Congo, Republic of
        before, after = base.split(", ")
        yield plain(f"{after} {before}"), ALIAS
        yield plain(before), DERIVED
    words = plain(base).split()
    if words[:1] == ["the"]:
        words = words[1:]
        yield " ".join(words), ALIAS
    while len(words) > 1 and words[-1] in _LEGAL:
        words = words[:-1]
        yield " ".join(words), DERIVED
    joined = " ".join(words)
    if len(words) > 1:
        yield "".join(words), DERIVED
    for written, other in _SAINT:
        if written in f"{joined} ":
            yield f"{joined} ".replace(written, other).strip(), ALIAS
    if numbered := _NUMBERED.fullmatch(joined):
        yield f"{_STATES[numbered.group(1)]} {numbered.group(2)}", ALIAS
    if initials := _initials(base):
        yield initials, DERIVED


def _initials(name: str) -> str:
    words = [w.raw for w in tokens(unmarked(name)) if w.plain not in _SMALL | _LEGAL]
    capital = len(words) >= 3 and all(word[0].isupper() for word in words)
    return "".join(word[0] for word in words).casefold() if capital else ""


def names_in_phrasings(facts: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    """Return, for each fact's masked phrasings, what else they call the subject.

    A phrasing without the mask holds another name ("OH-13: who is the member of Congress?"), which
    is what changes between facts that are asked for in the same words.
    """
    unnamed = [[p.split() for p in phrasings if not has_mask(p)] for phrasings in facts]
    shared = Counter(frame for rows in unnamed for words in rows for _, frame in _frames(words))
    found = []
    for rows in unnamed:
        names = []
        for words in rows:
            ranked = [(-shared[frame], len(name), name) for name, frame in _frames(words)]
            if ranked and -(best := min(ranked))[0] >= _PHRASES:
                names.append(best[2].strip(" ,.:;?!\"'"))
        found.append(tuple(dict.fromkeys(names)))
    return found


def _frames(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    for start in range(len(words)):
        for end in range(start + 1, min(len(words), start + _NAME_WORDS) + 1):
            if end - start < len(words):
                yield " ".join(words[start:end]), " ".join([*words[:start], "\0", *words[end:]])
