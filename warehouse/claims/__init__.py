"""What sources assert: batches of claims, what relations are declared to be, what is promised."""

from warehouse.claims.batch import (
    BATCH_SCHEMA,
    CLAIM_FIELDS,
    EXTRACTS,
    LIST_FIELDS,
    ClaimBatch,
    FileRows,
    Recipe,
    raw_rows,
)
from warehouse.claims.contracts import (
    CHECKS,
    TYPES,
    Checked,
    ColumnPromise,
    Contract,
    Finding,
    check_contract,
)
from warehouse.claims.relations import CRITERIA, RelationRule
from warehouse.claims.same_as import final_names, merge_subjects, read_same_as

__all__ = [
    "BATCH_SCHEMA",
    "CHECKS",
    "CLAIM_FIELDS",
    "CRITERIA",
    "EXTRACTS",
    "LIST_FIELDS",
    "TYPES",
    "Checked",
    "ClaimBatch",
    "ColumnPromise",
    "Contract",
    "FileRows",
    "Finding",
    "Recipe",
    "RelationRule",
    "check_contract",
    "final_names",
    "merge_subjects",
    "raw_rows",
    "read_same_as",
]
