"""Read JSON lines: one object a line; what a line holds otherwise is set apart."""

import json

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
        columns = "".join(f", {_column(str(key), bool(lists))}" for key, lists in keys)
        table = con.sql(f"select row{columns} from objects order by row").to_arrow_table()
    rows = table.column(0).combine_chunks()
    return RawTable(table=table.remove_column(0), rows=rows, lines=rows, broken=broken)


def _column(key: str, lists: bool) -> str:
    path = query.quote_text("$." + json.dumps(key, ensure_ascii=False))
    text = f"line ->> {path}"
    if lists:
        as_list = f"cast(line -> {path} as varchar[])"
        text = (
            f"case when json_type(line, {path}) = 'ARRAY' then {as_list} "
            f"when ({text}) is not null then [{text}] end"
        )
    return f"{text} as {query.quote_name(key)}"
