"""What the tables of a mapping file share: strict pydantic models, and refusals for people.

A refusal names the file, the key, what was given and what is wanted, with the nearest name.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    Strict,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from warehouse.errors import MappingError, Where
from warehouse.nearest import hint

_SHOWN = 200
_WANTED = {
    "string_type": "must be a text",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number, 0 or more",
    "greater_than_equal": "must be a whole number, 0 or more",
    "tuple_type": "must be a list of texts",
    "too_short": "must be a list of texts",
    "model_type": "must be a table",
    "dict_type": "must be a table",
}


class Table(BaseModel):
    """A table: nothing is converted, and no key is unknown."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    _names: tuple[str, ...] = PrivateAttr(())

    @model_validator(mode="wrap")
    @classmethod
    def _check_keys(cls, given: Any, read: ModelWrapValidatorHandler[Self]) -> Self:
        known = [field.alias or name for name, field in cls.model_fields.items()]
        names = tuple(given) if isinstance(given, dict) else ()
        for key in names:
            if key not in known:
                near = hint(key, known, what="keys")
                raise PydanticCustomError("unknown_key", "unknown", {"key": key, "near": near})
        table = read(given)
        table._names = names
        return table

    def in_order(self) -> dict[str, Any]:
        """Return what was given, in the order of the file."""
        return {name: getattr(self, name) for name in self._names if hasattr(self, name)}


SomeTable = TypeVar("SomeTable", bound=Table)


def wanted(what: str, *given: object) -> PydanticCustomError:
    """Say what a value (or `given`, which it holds) must be: the refusal reads KEY = VALUE WHAT."""
    return PydanticCustomError("wanted", "{what}", {"what": what, "given": given})


def refused(what: str) -> PydanticCustomError:
    """Say what is wrong with a table or a value that is not shown; {key} stands for its key."""
    return PydanticCustomError("refused", "{what}", {"what": what})


def one_of(known: Sequence[str], *, what: str = "there are") -> Any:
    """Make the type of a text that is one of the known ones."""

    def check(given: object) -> str:
        if not isinstance(given, str) or given not in known:
            raise wanted(hint(str(given), known, what=what))
        return given

    return Annotated[str, BeforeValidator(check)]


def checked(check: Callable[[Any], Any]) -> Any:
    """Make the type of what a function returns, or refuses."""
    return Annotated[Any, BeforeValidator(check)]


def _not_blank(given: str) -> str:
    if not given.strip():
        raise wanted("must be a text")
    return given


Text = Annotated[str, Strict(), AfterValidator(_not_blank)]
Texts = Annotated[tuple[Text, ...], Field(min_length=1)]
Number = Annotated[float, Strict()]
Flag = Annotated[bool, Strict()]
Count = Annotated[int, Strict(), Field(ge=0)]


def read_table(kind: type[SomeTable], where: str, given: object) -> SomeTable:
    """Read a table; `where` names the file in refusals.

    Raises:
        MappingError: a key is unknown, missing, of the wrong type, or does not go with another.
    """
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        unknown = [first["ctx"]["key"]] if first["type"] == "unknown_key" else []
        key = ".".join(filter(None, [_key(first["loc"]), *unknown]))
        place = Where(file=where, key=key or None)
        raise MappingError(f"{where}: {_told(first)}", where=place) from None


def _told(error: ErrorDetails) -> str:
    key, context = _key(error["loc"]), error.get("ctx", {})
    if error["type"] == "unknown_key":
        return f"unknown key {key and f'{key}.'}{context['key']}{context['near']}"
    if error["type"] == "refused":
        return str(context["what"]).replace("{key}", key)
    if error["type"] == "missing":
        return f"{key} is required"
    what = context["what"] if error["type"] == "wanted" else _WANTED.get(error["type"])
    what = what or error["msg"]
    (given,) = context.get("given") or (error["input"],)
    shown = repr(given)
    if len(shown) > _SHOWN:
        shown = f"{shown[:_SHOWN]}... ({len(shown)} characters)"
    return f"{key} = {shown}{'' if what.startswith(';') else ' '}{what}"


def _key(place: tuple[int | str, ...]) -> str:
    names = [str(name) for name in place if not isinstance(name, int)]
    if names[:1] == ["relations"] and len(names) > 1:
        names[1] = f'"{names[1]}"'
    return ".".join(names)
