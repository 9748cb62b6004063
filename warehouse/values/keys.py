from collections.abc import Mapping

import pyarrow as pa

from warehouse.relations import RelationRule


def keyed(values: pa.Table, rules: Mapping[str, RelationRule]) -> pa.Table:
    import pyarrow.compute as pc

    return values.append_column("value_key", pc.replace_substring(values["value"], ",", ""))


def related(candidates: pa.Table, rules: Mapping[str, RelationRule]) -> tuple[pa.Table, pa.Table]:
    s = pa.string()
    return (
        pa.schema([("slot", s), ("value_key", s), ("merged_key", s)]).empty_table(),
        pa.schema(
            [("slot", s), ("value", s), ("other", s), ("support", pa.float64())]
        ).empty_table(),
    )
