"""Checks of what a mapping file holds; each refusal names the file, the key and what is wanted.

All raise MappingError.
"""

from pathlib import Path
from typing import Any

from warehouse.errors import MappingError
from warehouse.nearest import hint


def check_keys(path: Path, prefix: str, table: dict[str, Any], known: tuple[str, ...]) -> None:
    """Refuse a key that is not known."""
    for key in table:
        if key not in known:
            raise MappingError(f"{path}: unknown key {prefix}{key}{hint(key, known, what='keys')}")


def require(path: Path, prefix: str, table: dict[str, Any], names: tuple[str, ...]) -> None:
    """Refuse a table that lacks one of the names."""
    for name in names:
        if name not in table:
            raise MappingError(f"{path}: {prefix}{name} is required")


def require_prompt(path: Path, prefix: str, table: dict[str, Any]) -> None:
    """Refuse a claim that cannot be asked for."""
    if "question" not in table and "cloze" not in table:
        raise MappingError(
            f"{path}: map {prefix}question or {prefix}cloze, or give a template such as "
            '{ template = "What is the capital of {subject}?" }'
        )


def a_table(path: Path, key: str, value: object) -> dict[str, Any]:
    """Return the value, a table."""
    if not isinstance(value, dict):
        raise MappingError(f"{path}: {key} = {value!r} must be a table")
    return value


def a_text(path: Path, key: str, value: object) -> str:
    """Return the value, a text that is not blank."""
    if not isinstance(value, str) or not value.strip():
        raise MappingError(f"{path}: {key} = {value!r} must be a text")
    return value


def optional_text(path: Path, key: str, values: dict[str, Any]) -> str | None:
    """Return the text of a key that may be missing."""
    return a_text(path, key, values[key]) if key in values else None


def several_texts(path: Path, key: str, value: object) -> tuple[str, ...]:
    """Return the value, a list of texts that is not empty."""
    if not isinstance(value, list) or not value:
        raise MappingError(f"{path}: {key} = {value!r} must be a list of texts")
    return tuple(a_text(path, key, item) for item in value)


def a_number(path: Path, key: str, value: object) -> float:
    """Return the value, a number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise MappingError(f"{path}: {key} = {value!r} must be a number")
    return float(value)


def a_flag(path: Path, key: str, value: object) -> bool:
    """Return the value, true or false."""
    if not isinstance(value, bool):
        raise MappingError(f"{path}: {key} = {value!r} must be true or false")
    return value


def a_count(path: Path, key: str, value: object) -> int:
    """Return the value, a whole number that is not negative."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise MappingError(f"{path}: {key} = {value!r} must be a whole number, 0 or more")
    return value


def one_of(path: Path, key: str, value: object, known: tuple[str, ...]) -> str:
    """Return the value, one of the known ones."""
    if not isinstance(value, str) or value not in known:
        near = hint(str(value), known, what="there are")
        raise MappingError(f"{path}: {key} = {value!r}{near}")
    return value
