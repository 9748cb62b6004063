"""Names declared to be one subject, and a batch with its claims brought under one name.

[subjects]
"Holland" = "Netherlands"             # a name = the name it goes by
"The Netherlands" = "Netherlands"
"""

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from warehouse import query
from warehouse.claims.batch import ClaimBatch
from warehouse.errors import MappingError
from warehouse.nearest import hint
from warehouse.normal import name_key, normal_form


def read_same_as(path: Path) -> dict[str, str]:
    """Read a file of names; every name leads to the one that it finally goes by.

    Raises:
        MappingError: it is no such file, a key is unknown, or names go in a circle.
    """
    if path.exists() and not path.is_file():
        raise MappingError(f"{path} is no file")
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise MappingError(f"{path} cannot be read as TOML: {error}") from error
    for key in given:
        if key != "subjects":
            raise MappingError(f"{path}: unknown key {key}{hint(key, ['subjects'], what='keys')}")
    names = given.get("subjects", {})
    if not isinstance(names, dict):
        raise MappingError(f'{path}: subjects must be a table of names, "Holland" = "Netherlands"')
    for name, other in names.items():
        if not isinstance(other, str) or not other.strip():
            raise MappingError(f"{path}: subjects.{name} = {other!r} must be a name, as text")
    return final_names(names, where=str(path))


def final_names(names: Mapping[str, str], *, where: str = "names") -> dict[str, str]:
    """Follow every name to the one that it finally goes by; all in normal form.

    Raises:
        MappingError: names go in a circle, or one name goes by two; the message shows them.
    """
    following: dict[str, str] = {}
    for name, other in names.items():
        one, to = normal_form(name), normal_form(other)
        if following.setdefault(one, to) != to:
            raise MappingError(f"{where}: {one!r} goes by two names, {following[one]!r} and {to!r}")
    return {name: _end(name, following, where) for name in following}


def merge_subjects(batch: ClaimBatch, names: Mapping[str, str]) -> ClaimBatch:
    """Return the batch with every subject under the name that it finally goes by.

    Questions and other phrasings stay as given, so 'What is the capital of Holland?' remains one
    that the fact about the Netherlands answers. A relation that a claim leaves to its prompt is the
    prompt without the old name, so it is filled in here. The raw rows stay as given.

    Raises:
        MappingError: names go in a circle, or one name goes by two.
    """
    by_key = {name_key(name): goes_by for name, goes_by in final_names(names).items()}
    table = pa.table(
        {
            "name": pa.array(by_key.keys(), pa.string()),
            "goes_by": pa.array(by_key.values(), pa.string()),
        }
    )
    with query.connect() as con:
        con.register("batch", batch.claims)
        con.register("same_as", table)
        merged = query.run(con, "same_as_subjects")
    return replace(batch, claims=merged.cast(batch.claims.schema))


def _end(name: str, following: Mapping[str, str], where: str) -> str:
    seen = [name]
    while (after := following.get(seen[-1], seen[-1])) != seen[-1]:
        if after in seen:
            circle = " = ".join(map(repr, [*seen[seen.index(after) :], after]))
            raise MappingError(f"{where}: these names go in a circle: {circle}; leave one out")
        seen.append(after)
    return seen[-1]
