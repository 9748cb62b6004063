"""The phrasings that ship: what tables speak of, and how people ask for it (English).

A relation that matches a concept is asked for in the concept's words; every other concept is what
it must not be taken for. Their vectors ship as well (`python -m lamini.asked.phrase_bank` makes
them), so that loading a table encodes its own phrasings alone.

Shape suffixes: N phrasings   D encoder width
"""

import hashlib
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from lamini.asked.wording import words_of
from lamini.errors import ConfigError

_FOLDER = files("lamini") / "asked"
_VECTORS = "phrase_bank.safetensors"
_NOUN_FORMS = (
    "what is the {r} of X",
    "X {r}",
    "{r} of X",
    "which {r} does X have",
    "what's X's {r}",
)
"""Of each noun of a concept; all of generic.toml are for what the relation itself is called."""
_FEW = 10
KINDS = ("person", "date", "number", "money", "place", "code", "address", "text")


@dataclass(frozen=True, kw_only=True)
class Concept:
    """Something that tables have a column for."""

    name: str
    named: re.Pattern[str]
    kind: str
    phrasings: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class PhraseBank:
    """All concepts with the vectors of their phrasings, and what else people want."""

    concepts: tuple[Concept, ...]
    generic: dict[str, tuple[str, ...]]
    tasks: dict[str, tuple[str, ...]]
    texts: tuple[str, ...]
    """Phrasings of all concepts in turn, then tasks with a subject."""
    owner_N: tuple[str, ...]
    """The concept of each text; "task" for a task."""
    vectors_ND: np.ndarray
    words: dict[str, np.ndarray]
    """Every word of a question, with its vector."""

    def concepts_of(self, relation: str) -> list[Concept]:
        """Return the concepts that the relation's name may mean, the likeliest first.

        What matches more letters is likelier, then what comes later: the head of an English name.
        Of `currency.numeric` only what matches in the last part counts, where something does.
        """
        name = relation.replace("_", " ")
        last = len(name) - len(called_as(relation))
        found = [(c, list(c.named.finditer(name.casefold()))) for c in self.concepts]
        ranked = [
            (max((m.end() > last, m.end() - m.start(), m.end()) for m in matches), concept)
            for concept, matches in found
            if matches
        ]
        ranked.sort(key=lambda r: r[0], reverse=True)
        return [concept for rank, concept in ranked if rank[0] == ranked[0][0][0]]

    def phrasings_of(
        self, relation: str, kind: str, concept: Concept | None, num_own: int = 0
    ) -> list[str]:
        """Return how a relation may be asked for: in the bank's forms, then in its concept's.

        At least 40 are for one that has `num_own` or fewer phrasings of the table; what brings many
        needs no more of them, which take time to encode.
        """
        called = called_as(relation)
        more = self.generic["more"] if num_own <= _FEW else ()
        forms = [*self.generic["any"], *self.generic[kind], *more]
        if concept and called.endswith("ed") and " " not in called:
            forms = [*self.generic["participle"]]
        own = [form.replace("{r}", called) for form in forms]
        return list(dict.fromkeys([*own, *(concept.phrasings if concept else ())]))


def called_as(relation: str) -> str:
    """Return what a relation is called in a question: `country.alpha_2` is alpha 2."""
    last = relation.split(".")[-1] if re.fullmatch(r"[a-z_]+\.[a-z_0-9]+", relation) else relation
    return last.replace("_", " ").strip()


@cache
def load_phrase_bank() -> PhraseBank:
    """Return the bank that ships.

    Raises:
        ConfigError: its vectors are not of these phrasings.
    """
    concepts, generic, tasks = _read()
    texts, owners = _listed(concepts, tasks)
    stored = load_file(str(_FOLDER / _VECTORS))
    if stored["sha256"].tobytes() != _digest(texts):
        raise ConfigError(
            f"{_VECTORS} was made of other phrasings; run python -m lamini.asked.phrase_bank"
        )
    return PhraseBank(
        concepts=concepts,
        generic=generic,
        tasks=tasks,
        texts=texts,
        owner_N=owners,
        vectors_ND=stored["vectors"].astype(np.float32),
        words=dict(zip(_words(texts), stored["words"].astype(np.float32), strict=True)),
    )


def write_vectors(folder: Path) -> int:
    """Encode all phrasings and write their vectors; return how many they are."""
    from lamini.asked.encoder import load_encoder

    concepts, _, tasks = _read()
    texts, _ = _listed(concepts, tasks)
    encode = load_encoder().of_phrasings
    tensors: dict[str, np.ndarray] = {
        "vectors": encode(texts).astype(np.float16),
        "words": encode(_words(texts)).astype(np.float16),
        "sha256": np.frombuffer(_digest(texts), np.uint8),
    }
    save_file(tensors, folder / _VECTORS)
    return len(texts)


def _read() -> tuple[tuple[Concept, ...], dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
    concepts = tuple(_concept(name, entry) for name, entry in _toml("concepts").items())
    lists = [{k: tuple(v) for k, v in _toml(n).items()} for n in ("generic", "other_tasks")]
    return concepts, lists[0], lists[1]


def _concept(name: str, entry: dict[str, Any]) -> Concept:
    nouns = [form.replace("{r}", noun) for noun in entry["nouns"] for form in _NOUN_FORMS]
    return Concept(
        name=name,
        named=re.compile(entry["named"]),
        kind=entry["kind"],
        phrasings=tuple(dict.fromkeys([*entry["asked"], *nouns])),
    )


def _toml(name: str) -> dict[str, Any]:
    return tomllib.loads((_FOLDER / f"{name}.toml").read_text("utf-8"))


def _listed(
    concepts: Sequence[Concept], tasks: dict[str, tuple[str, ...]]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    pairs = [(text, concept.name) for concept in concepts for text in concept.phrasings]
    pairs += [(text, "task") for text in tasks["with_subject"]]
    return tuple(text for text, _ in pairs), tuple(owner for _, owner in pairs)


def _words(texts: Sequence[str]) -> list[str]:
    return sorted({*words_of(texts)})


def _digest(texts: Sequence[str]) -> bytes:
    return hashlib.sha256("\n".join(texts).encode()).digest()


if __name__ == "__main__":
    print(f"{write_vectors(Path(__file__).parent)} phrasings encoded")  # noqa: T201
