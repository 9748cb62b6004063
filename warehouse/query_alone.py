"""Read a DuckDB file of somebody else's in a process of its own, which ends at its bounds.

    python -m warehouse.query_alone < question.json > rows.arrows

A file or a query may never end, or need more than the machine holds. DuckDB looks for interrupts
and counts memory between blocks of rows: one call of a function with a huge result gets past both.
The system asks nobody: its clock ends this process, and it gives it no more memory than that.
"""

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, NoReturn

import duckdb
import pyarrow as pa

from warehouse import query
from warehouse.errors import WarehouseError

Kind = Literal["busy", "no_database", "no_table", "not_a_select", "late", "memory", "failed"]
_TOLD = 3
"""Exit code of a process that says why."""
_LONGEST_WORDS = 2000
_AS_TEXT = ("HUGEINT", "UHUGEINT", "BIGNUM", "TIME WITH TIME ZONE")
"""Types with a text that Arrow has no type for, or one that holds less."""
_SPARE_MIB = 256
"""What the process may need besides: its own code's tables, and blocks of rows on their way."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """A query, a table (SCHEMA.NAME, too), or neither: then what tables there are is asked."""

    path: str
    query: str | None = None
    table: str | None = None
    seconds: int
    memory_mib: int
    """Of DuckDB's work, and of all rows that come out."""


class AloneError(WarehouseError):
    """There are no rows; `kind` says why, the message in DuckDB's words."""

    def __init__(self, kind: Kind, words: str = "", tables: tuple[str, ...] = ()) -> None:
        super().__init__(words)
        self.kind: Kind = kind
        self.tables = tables

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.kind, str(self), self.tables)


def ask_alone(question: Question) -> pa.Table:
    """Return the rows.

    Raises:
        AloneError: there are none.
    """
    process = subprocess.run(
        [sys.executable, "-m", __name__],
        input=json.dumps(asdict(question)).encode(),
        capture_output=True,
        # Arrow's own pool reserves more address space than is given.
        env={**os.environ, "ARROW_DEFAULT_MEMORY_POOL": "system"},
        check=False,
    )
    if process.returncode == _TOLD:
        told = json.loads(process.stderr.splitlines()[-1])
        raise AloneError(told["kind"], told["words"], tuple(told["tables"]))
    if process.returncode == -signal.SIGALRM:
        raise AloneError("late")
    if process.returncode in (-signal.SIGABRT, -signal.SIGKILL):  # nobody caught that it got none
        raise AloneError("memory")
    if process.returncode:
        last = process.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise AloneError("failed", f"its process ended with {process.returncode} {last}".strip())
    return pa.ipc.open_stream(process.stdout).read_all()


def _answer(question: Question) -> None:
    with query.connect() as con:
        con.execute(f"set memory_limit = '{question.memory_mib}MiB'")
        con.execute("set temp_directory = ''")
        _give_no_more(2 * question.memory_mib + _SPARE_MIB)
        _attach(con, question.path)
        query.lock_down(con)
        found = con.sql(_text(con, question))
        types = dict(zip(found.columns, map(str, found.types), strict=True))
        if len(types) < len(found.columns):  # whoever reads it says that a name is there twice
            types = {}
        if any(kind in _AS_TEXT for kind in types.values()):
            found = found.project(", ".join(_as_text(*column) for column in types.items()))
        reader = found.to_arrow_reader(query.ROWS_AT_ONCE)
        schema = _with_json(reader.schema, types)
        with pa.ipc.new_stream(sys.stdout.buffer, schema) as stream:
            for batch in _fitting(reader, question.memory_mib):
                stream.write_batch(batch.cast(schema))
    sys.stdout.buffer.flush()


def _attach(con: duckdb.DuckDBPyConnection, path: str) -> None:
    try:
        con.execute(f"attach {query.quote_text(path)} as given (read_only)")
        con.execute("use given")
    except duckdb.Error as error:
        is_locked = "Could not set lock on file" in str(error)
        raise AloneError("busy" if is_locked else "no_database", str(error)) from None


def _text(con: duckdb.DuckDBPyConnection, question: Question) -> str:
    if question.query is not None:
        statements = con.extract_statements(question.query)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise AloneError("not_a_select")
        return question.query
    tables = [str(row[0]) for row in con.execute("show tables").fetchall()]
    if question.table is None:
        return "select name from (show tables)"
    if "." not in question.table and question.table not in tables:
        raise AloneError("no_table", tables=tuple(tables))
    return "select * from " + ".".join(map(query.quote_name, question.table.split(".")))


def _as_text(name: str, kind: str) -> str:
    quoted = query.quote_name(name)
    return f"cast({quoted} as varchar) as {quoted}" if kind in _AS_TEXT else quoted


def _with_json(schema: pa.Schema, types: Mapping[str, str]) -> pa.Schema:
    """Name the columns of JSON, which come out as any other text."""
    for index, name in enumerate(schema.names):
        if types.get(name) == "JSON":
            schema = schema.set(index, schema.field(index).with_type(pa.json_(pa.string())))
    return schema


def _fitting(rows: pa.RecordBatchReader, memory_mib: int) -> Iterator[pa.RecordBatch]:
    size = 0
    for batch in rows:
        size += batch.nbytes
        if size > memory_mib << 20:
            raise AloneError("memory")
        yield batch


def _give_no_more(mib: int) -> None:
    """Bound what this process may take from here on, where the system says what it has."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        most = int(statm.read_text().split()[5]) * resource.getpagesize() + (mib << 20)
        allowed = resource.getrlimit(resource.RLIMIT_DATA)[1]
        if allowed == resource.RLIM_INFINITY or most < allowed:
            resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _end_in(seconds: int) -> None:
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGALRM])
    signal.setitimer(signal.ITIMER_REAL, seconds)


def _kind(error: BaseException) -> Kind:
    if isinstance(error, AloneError):
        return error.kind
    is_memory = isinstance(error, MemoryError | duckdb.OutOfMemoryException | pa.ArrowMemoryError)
    words = ("out of memory", "bad_alloc", "bad allocation", "malloc")
    return "memory" if is_memory or any(w in str(error).lower() for w in words) else "failed"


def _main() -> NoReturn:
    question = Question(**json.load(sys.stdin))
    _end_in(question.seconds)
    code = 0
    try:
        _answer(question)
    except BaseException as error:  # noqa: BLE001 - whatever it was is told
        tables = error.tables if isinstance(error, AloneError) else ()
        words = str(error)[:_LONGEST_WORDS]
        said = json.dumps({"kind": _kind(error), "words": words, "tables": tables})
        sys.stderr.write(f"\n{said}\n")
        sys.stderr.flush()
        code = _TOLD
    os._exit(code)  # at once: nobody needs what is left to be tidied


if __name__ == "__main__":
    _main()
