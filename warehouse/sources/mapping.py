"""Read a mapping file: which table, and which of its columns hold which claim field.

    name = "sp500"                        # the source's name
    path = "constituents.parquet"         # from this file; a folder, a glob or a URL too
    authority = 1.0

    [claim]                               # long: one claim a row
    subject = "company"                   # a column
    relation = { constant = "sector" }    # the same for all rows
    value = "gics_sector"
    question = { template = "What is the sector of {subject}?" }
    paraphrases = { templates = ["Which sector is {subject} in?"] }

    [relations."sector"]
    slot = "single_valued"                # more: warehouse/claims/relations.py

or wide, one claim for each of several value columns:

    [wide]
    subject = "country"
    [wide.values.capital]
    relation = "capital"
    question = "What is the capital of {subject}?"

How the table is read (formats, CSV options, watermark, extract): options.py; what it promises:
contract.py.
"""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from warehouse.claims import Contract, RelationRule, read_rule
from warehouse.errors import MappingError
from warehouse.nearest import hint
from warehouse.sources.checks import a_number, a_table, a_text, check_keys
from warehouse.sources.contract import read_contract
from warehouse.sources.options import KEYS, Options, read_options
from warehouse.sources.views import View, read_views

_TOP = ("name", "authority", "claim", "wide", "relations", "contract", *KEYS)


@dataclass(frozen=True, kw_only=True)
class Mapping:
    """A source and how its columns become claims; paths are resolved, keys are checked."""

    name: str
    file: Path
    """The mapping file itself."""
    options: Options
    """Where the table lies and how it is read."""
    authority: float = 1.0
    """Of claims that give none."""
    views: tuple[View, ...]
    """One for a long table, one per value column for a wide one."""
    relations: dict[str, RelationRule] = field(default_factory=dict)
    contract: Contract = field(default_factory=Contract)

    @property
    def format(self) -> str:
        """The format of the table."""
        return self.options.format

    @property
    def path(self) -> Path:
        """Where the table lies."""
        return Path(self.options.location)

    @property
    def given_path(self) -> str:
        """The path as the mapping gives it, for people."""
        return self.options.given


def load_mapping(path: Path) -> Mapping:
    """Read and check the mapping file `path`.

    Raises:
        MappingError: it is missing, not TOML, or a key is unknown, missing or of the wrong type.
    """
    values = _read_toml(path)
    check_keys(path, "", values, _TOP)
    return Mapping(
        name=a_text(path, "name", values.get("name", path.stem)),
        file=path,
        options=read_options(path, values),
        authority=a_number(path, "authority", values.get("authority", 1.0)),
        views=read_views(path, values),
        relations=_relations(path, values.get("relations", {})),
        contract=read_contract(path, values.get("contract", {})),
    )


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        found = [entry.name for entry in path.parent.glob("*.toml")] if path.parent.is_dir() else []
        raise MappingError(
            f"no mapping file {path}{hint(path.name, found, what='mappings in that folder')}"
        ) from None
    except UnicodeDecodeError as error:
        raise MappingError(f"{path} is not UTF-8 text: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise MappingError(f"{path} is not valid TOML: {error}") from error
    except OSError as error:
        raise MappingError(f"cannot read {path}: {error}") from error


def _relations(path: Path, given: object) -> dict[str, RelationRule]:
    declared = {}
    for relation, settings in a_table(path, "relations", given).items():
        key = f'relations."{relation}"'
        declared[relation] = read_rule(f"{path}: {key}", a_table(path, key, settings))
    return declared
