"""Read JSON lines: one object a line; what a line holds otherwise is set apart."""

import pyarrow as pa

from warehouse import query
from warehouse.errors import SourceError
from warehouse.sources.files import SourceFile
from warehouse.sources.mapping import Mapping
from warehouse.sources.raw import Broken, RawTable


def read_jsonl(file: SourceFile, mapping: Mapping) -> RawTable:
    """Read one file of JSON lines.

    Raises:
        SourceError: it is not UTF-8 text, or no line holds an object.
    """
    try:
        lines = file.read().decode("utf-8-sig").split("\n")
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
                f"{file.name}: not JSON lines; write one object on each line "
                "(a JSON array of objects does not do)"
            )
        named = [(str(key), lists, nested) for key, lists, nested in keys if str(key).strip()]
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
