"""Read JSON lines, or an array: an object a row; what a line holds otherwise is set apart."""

import json
import re

import pyarrow as pa

from warehouse import query
from warehouse.errors import SourceError
from warehouse.sources.files import SourceFile
from warehouse.sources.mapping import Mapping
from warehouse.sources.raw import Broken, RawTable, check_width

_SPACE = re.compile(r"[ \t\r\n]*")


def read_jsonl(file: SourceFile, mapping: Mapping) -> RawTable:
    """Read one file of JSON lines.

    Raises:
        SourceError: it is not UTF-8 text, or no line holds an object.
    """
    try:
        lines = _lines(file.read().decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise SourceError(
            f"{file.name}: not UTF-8 text ({error}); export it again as UTF-8"
        ) from error
    with query.connect() as con:
        con.register("lines", pa.table({"line": pa.array(lines, pa.string())}))
        query.execute(con, "jsonl_objects")
        keys = query.execute(con, "jsonl_keys")
        broken = [
            Broken(row=int(str(row)), text=str(text), why=str(why))
            for row, text, why in query.execute(con, "jsonl_broken")
        ]
        if not keys and broken:
            raise SourceError(
                f"{file.name}: not JSON lines; write one object on each line, or an array of them"
            )
        named = [(str(key), lists, nested) for key, lists, nested in keys if str(key).strip()]
        check_width(mapping, len(named))
        columns = "".join(f", {_column(key, bool(lists))}" for key, lists, _ in named)
        table = con.sql(f"select row{columns} from objects order by row").to_arrow_table()
    rows = table.column(0).combine_chunks()
    return RawTable(
        table=table.remove_column(0),
        rows=rows,
        lines=rows,
        broken=broken,
        wordless={key: "JSON objects or lists of lists" for key, _, nested in named if nested},
    )


def _lines(text: str) -> list[str]:
    """Return the lines, or the items of an array as they are written."""
    at = len(text) - len(text.lstrip())
    if not text.startswith("[", at):
        return text.split("\n")
    items, read, at = [], json.JSONDecoder().raw_decode, at + 1
    try:
        while text[(at := _beyond_space(text, at))] != "]":
            _, end = read(text, at)
            items.append(text[at:end])
            at = _beyond_space(text, end)
            if text[at] == ",":
                at += 1
            elif text[at] != "]":
                return text.split("\n")
    except (ValueError, IndexError, RecursionError):
        return text.split("\n")
    return items


def _beyond_space(text: str, at: int) -> int:
    return _SPACE.match(text, at).end()  # type: ignore[union-attr]


def _column(key: str, lists: bool) -> str:
    path = query.quote_text(_pointer(key))
    text = f"json_text(line -> {path})"
    if lists:
        as_list = f"list_transform(cast(line -> {path} as json[]), lambda item: json_text(item))"
        text = (
            f"case when json_type(line, {path}) = 'ARRAY' then {as_list} "
            f"when ({text}) is not null then [{text}] end"
        )
    return f"{text} as {query.quote_name(key)}"


def _pointer(key: str) -> str:
    """Write a key as a JSON pointer: a path of JSON has no word for some keys."""
    return "/" + key.replace("~", "~0").replace("/", "~1")
