"""The reference relations and the words in which people ask about them, from the .toml files.

The held-out files were written apart from the training ones and are read only by the functions
that measure (questions.py): nothing here puts them into a claim.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from warehouse.errors import MappingError

_FOLDER = files("warehouse") / "reference"


@dataclass(frozen=True, kw_only=True)
class Relation:
    """A relation of the reference sources."""

    name: str
    subject: str
    """What its subjects are: country, code or currency."""
    multi_valued: bool


@cache
def relations() -> dict[str, Relation]:
    """Return the reference relations by name."""
    return {
        name: Relation(
            name=name,
            subject=str(entry["subject"]),
            multi_valued=bool(entry.get("multi_valued", False)),
        )
        for name, entry in read("relations").items()
    }


@cache
def training_templates(relation: str) -> tuple[str, ...]:
    """Return the training phrasings of `relation`, the canonical question first.

    Raises:
        MappingError: the relation has none.
    """
    return _templates("training_phrasings", relation)


@cache
def heldout_templates(relation: str) -> tuple[str, ...]:
    """Return the phrasings of `relation` that only measure; none for an unknown relation."""
    return (
        _templates("heldout_phrasings", relation) if relation in read("heldout_phrasings") else ()
    )


def phrase(relation: str, subject: str) -> dict[str, object]:
    """Return the prompt fields of a claim: the question, and the other phrasings as paraphrases."""
    prompts = [template.replace("{subject}", subject) for template in training_templates(relation)]
    return {"question": prompts[0], "paraphrases": prompts[1:]}


@cache
def read(name: str) -> dict[str, Any]:
    """Read `warehouse/reference/<name>.toml`."""
    return tomllib.loads((_FOLDER / f"{name}.toml").read_text(encoding="utf-8"))


def _templates(name: str, relation: str) -> tuple[str, ...]:
    entry = read(name).get(relation)
    if entry is None:
        raise MappingError(
            f"{name}.toml has no relation {relation!r}; it has {', '.join(read(name))}"
        )
    return tuple(str(template) for template in entry["templates"])
