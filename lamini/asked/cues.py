"""Words that turn a question about a fact into something else: another time, a task, a verdict."""

import re
from dataclasses import dataclass

from lamini.asked.text import plain

_YEAR = re.compile(r"\b(?:1[0-9]{3}|20[0-9]{2}|\d0s)\b")
_TIME = re.compile(
    r"\b(?:last (?:year|month|week|decade|century)|previous(?:ly)?|former(?:ly)?|before|used to|"
    r"ago|back (?:in|then)|next(?! to)|first|"
    r"original|past|future|will|upcoming|yesterday|tomorrow|until|after|old|older|earlier|"
    r"ever|once|during|century|war|"
    r"anymore|histor(?:y|ical(?:ly)?)|as of|predecessor|successor)\b",
    re.I,
)
_TASK = re.compile(
    r"\b(?:translat\w*|summar\w*|poem|poet\w*|joke|story|essay|rhym\w*|spell(?:ed|s)?|letters are|"
    r"letters has|count|vowels|ignore|repeat|"
    r"rewrite|paraphrase|grammar|compose|(?<!to )(?<!\bi )write (?:a|an|me|sql|code|python|some)|"
    r"draft|explain|"
    r"compare|difference|lyrics|recommend|suggest|"
    r"how do you say|pretend|imagine|invent|make up|made up|novel|fiction|fictional|haiku|slogan|"
    r"song|backwards|python function|sql|regex|"
    r"program|script that|javascript|upper ?case|lower ?case|pirate|quiz|don'?t (?:tell|answer)|"
    r"do not (?:tell|answer)|(?:reply|answer) with (?:yes|no|a)\b)\b",
    re.I,
)
_VERDICT = re.compile(
    r"^\W*(?:is|are|was|were|does|did|do|has|have|had|should|am|isn't|isnt|doesn't|doesnt|didn't|"
    r"aren't|wasn't)\b|,? (?:right|correct|true)\W*$|\bis it true\b",
    re.I,
)
_MANY = re.compile(
    r"\b(?:most|biggest|largest|smallest|oldest|youngest|older|newer|higher|lower|highest|lowest|"
    r"average|total|all|list|top \d+|every|each|versus|vs|"
    r"than|both|same|share|shared|other|others|else|how many (?:companies|countries|packages|"
    r"people are in|currencies)|"
    r"which (?:companies|countries|packages|ones|states|people|currencies))\b",
    re.I,
)
_SIGNS = r"(?:letter|character|syllable|vowel|consonant|word|digit|byte)s?"
_OF_VALUE = re.compile(
    rf"\b(?:how many (?:\w+ )?{_SIGNS}|(?:number|count) of (?:\w+ )?{_SIGNS}|"
    rf"(?:first|second|third|fourth|fifth|last|initial|final|middle) {_SIGNS}|"
    rf"(?:letter|character|syllable|vowel|consonant)s of|sum of (?:the |all |its )?{_SIGNS}|"
    r"anagram|palindrome|in reverse|reversed?(?: order)?|backwards|rhym\w*|"
    r"alphabetical(?:ly| order)|"
    r"in (?:binary|hexadecimal|hex|octal|morse(?: code)?|base ?64|braille|roman numerals)|"
    r"square root|"
    r"(?:plus|minus|times|multiplied by|divided by) "
    r"(?:\d+|one|two|three|four|five|six|seven|eight|nine|ten)|squared|"
    r"prime number|even or odd|odd or even|divisible|"
    r"day of (?:the )?week|weekday|leap year|decade)\b",
    re.I,
)
"""Codes are asked for by their letters, too: "which two letters", "begins with"."""
_NEGATED = re.compile(
    r"\b(?:not|never|no longer|isn't|without|except|other than|n't)\b|n't\b", re.I
)
_QUOTED = re.compile(r"[\"\u201c][^\"\u201d]{8,}[\"\u201d]|:\s+\w+(?:\s+\w+){3,}")
_WH = tuple(
    (name, re.compile(rf"\b(?:{words})\b", re.I))
    for name, words in (
        ("who", "who|whom|whose|whos|which person|what person"),
        ("when", "when|(?:what|which) (?:year|date|day)|how (?:long|old)|since|date|year|day"),
        ("where", "where|wheres|(?:what|which) (?:city|town|country|place)|location|place|city"),
        ("how many", "how (?:many|much|big|high|large)|number|count|amount|digits?"),
        ("why", "why|how come|how (?:do|can|could|did|does|should|would)|how to"),
    )
)


@dataclass(frozen=True, slots=True)
class Cues:
    """What a masked text holds besides a question for a value."""

    year: bool
    times: tuple[str, ...]
    task: bool
    verdict: bool
    many: tuple[str, ...]
    of_value: tuple[str, ...]
    """What is asked of the value: how many letters it has, which weekday it is."""
    negated: bool
    quoted: bool

    @classmethod
    def of(cls, text: str) -> "Cues":
        """Return the cues of a text."""
        return cls(
            year=_YEAR.search(text) is not None,
            times=tuple(plain(match) for match in _TIME.findall(text)),
            task=_TASK.search(text) is not None,
            verdict=_VERDICT.search(text) is not None,
            many=tuple(plain(match) for match in _MANY.findall(text)),
            of_value=tuple(plain(match) for match in _OF_VALUE.findall(text)),
            negated=_NEGATED.search(text) is not None,
            quoted=_QUOTED.search(text) is not None,
        )


def asks_verdict(text: str) -> bool:
    """Return whether the text is to be answered with yes or no."""
    return _VERDICT.search(text) is not None


def question_words(text: str) -> frozenset[str]:
    """Return which sorts of value the text's question words ask for."""
    return frozenset(name for name, pattern in _WH if pattern.search(text))
