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

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from warehouse.claims import Contract, RelationRule
from warehouse.errors import MappingError, Where
from warehouse.nearest import hint
from warehouse.sources.contract import ContractTable
from warehouse.sources.options import LocatedTable, Options, is_table
from warehouse.sources.rules import RuleTable
from warehouse.sources.tables import Number, Text, read_table, refused
from warehouse.sources.views import ClaimTable, View, WideTable

_NO_NAME = re.compile(r"[/%&<>\x00-\x1f\x7f]")
"""Prefect 3 refuses the first five in the name of a deployment."""


class MappingTable(LocatedTable):
    """A mapping file as a whole."""

    name: Text | None = None
    authority: Number = 1.0
    claim: ClaimTable | None = None
    wide: WideTable | None = None
    relations: dict[str, RuleTable] = Field(default_factory=dict)
    contract: ContractTable = Field(default_factory=ContractTable)

    @model_validator(mode="before")
    @classmethod
    def _has_one_form(cls, given: dict[str, Any]) -> dict[str, Any]:
        if ("claim" in given) == ("wide" in given) and given.keys() <= cls.model_fields.keys():
            raise refused("give either [claim] (one claim a row) or [wide] (one claim a column)")
        return given

    def views(self) -> tuple[View, ...]:
        """Return how rows become claims."""
        form = self.claim or self.wide
        return form.views() if form else ()


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
    def mapped_columns(self) -> set[str]:
        """The columns that hold claim fields."""
        fields = [given for view in self.views for given in view.values()]
        return {text for given in fields if given.kind == "column" for text in given.texts}

    @property
    def given_path(self) -> str:
        """The path as the mapping gives it, for people."""
        return self.options.given


def load_mapping(path: Path) -> Mapping:
    """Read and check the mapping file `path`.

    Raises:
        MappingError: it is missing, not TOML, or a key is unknown, missing or of the wrong type.
    """
    told = read_table(MappingTable, str(path), _read_toml(path))
    name = told.name or path.stem
    if _NO_NAME.search(name):
        raise MappingError(
            f"{path}: name = {name!r} holds one of / % & < > or a control character, which names "
            "of deployments may not have; set name to another one",
            where=Where(file=str(path), key="name"),
        )
    return Mapping(
        name=name,
        file=path,
        options=told.options(path),
        authority=told.authority,
        views=told.views(),
        relations={name: rule.rule() for name, rule in told.relations.items()},
        contract=told.contract.contract(),
    )


def _read_toml(path: Path) -> dict[str, Any]:
    if is_table(path):
        raise MappingError(
            f"{path} is a table, not a mapping (a TOML file that says which column is what); "
            f"`lamini init {path}` proposes one"
        )
    if path.exists() and not path.is_file():
        raise MappingError(
            f"{path} is no file, and a mapping is one; a pipe or a device is not read",
            where=Where(file=str(path)),
        )
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        found = [entry.name for entry in path.parent.glob("*.toml")] if path.parent.is_dir() else []
        raise MappingError(
            f"no mapping file {path}{hint(path.name, found, what='mappings in that folder')}",
            where=Where(file=str(path)),
        ) from None
    except UnicodeDecodeError as error:
        raise MappingError(
            f"{path} is not UTF-8 text: {error}", where=Where(file=str(path))
        ) from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise MappingError(
            f"{path} is not valid TOML: {error}", where=Where(file=str(path))
        ) from error
    except OSError as error:
        raise MappingError(f"cannot read {path}: {error}", where=Where(file=str(path))) from error
