"""Follow the recall of facts over the checkpoints, from what was published (recall.py)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from warehouse import query
from warehouse.errors import NoHistoryError, UnknownRunError
from warehouse.recall.recording import EVALUATIONS, FACTS, FOLDER


@dataclass(frozen=True, kw_only=True)
class RecallHistory:
    """The judged runs and what each recalls of each fact."""

    evaluations: pa.Table
    facts: ds.Dataset
    """Read only as far as a question needs it."""

    def of_fact(self, fact_id: str) -> pa.Table:
        """Return one fact at every checkpoint, the oldest first."""
        return self._run("history_of_fact", fact_id=fact_id)

    def fact_id_of(self, subject: str, relation: str) -> str:
        """Return the name of the slot, whether or not any checkpoint held it."""
        rows = self._run("slot_of", subject=subject, relation=relation).to_pylist()
        return str(rows[0]["fact_id"])

    def regressed_since(self, since: str) -> pa.Table:
        """Return facts that the newest checkpoint recalls worse than that of a run, or of a day.

        Raises:
            UnknownRunError: there is no such run, or nothing had passed the gate on that day.
        """
        return self._run("history_regressed", run_key=self.checkpoint_at(since))

    def never_memorized(self) -> pa.Table:
        """Return the facts of the newest checkpoint whose answer none has memorized."""
        return self._run("history_never")

    def flapping(self, min_turns: int = 2) -> pa.Table:
        """Return the facts that were memorized and lost by turns."""
        return self._run("history_flapping", min_turns=min_turns)

    def by_relation(self) -> pa.Table:
        """Return the recall of every relation at every checkpoint."""
        return self._run("history_relations")

    def troubled(self, num_facts: int = 40) -> pa.Table:
        """Return the facts that were missed most, at every checkpoint."""
        return self._run("history_troubled", num_facts=num_facts)

    def checkpoint_at(self, since: str) -> str:
        """Resolve a run key, the beginning of one, or a day to the checkpoint that answered then.

        Raises:
            UnknownRunError: it means none, or several.
        """
        known = self.evaluations["run_key"].to_pylist()
        found = [key for key in known if key.startswith(since)] if since else []
        if len(found) > 1 and since not in found:
            raise UnknownRunError(f"{since!r} begins the keys of several runs: {', '.join(found)}")
        run_key = since if since in found else next(iter(found), None)
        rows = self._run("history_since", run_key=run_key, day=_day(since)).to_pylist()
        if not rows:
            raise UnknownRunError(
                f"{since!r} is no judged run, nor a day (2026-01-31) on which one had passed; "
                f"judged are: {', '.join(known)}"
            )
        return str(rows[0]["run_key"])

    def _run(self, name: str, **params: object) -> pa.Table:
        with self._connected() as con:
            return query.run(con, name, **params)

    @contextmanager
    def _connected(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with query.connect() as con:
            con.register("evaluations", self.evaluations)
            con.register("fact_recall", self.facts)
            yield con


def open_history(warehouse: Path) -> RecallHistory:
    """Open the published history under `warehouse`; it is read while others write.

    Raises:
        NoHistoryError: no run was judged yet.
    """
    folder = warehouse / FOLDER
    if not (folder / EVALUATIONS).is_file():
        raise NoHistoryError(
            f"no recall history is published in {folder}; every `lamini run` that measures "
            "recall adds to it"
        )
    evaluations = pq.read_table(folder / EVALUATIONS)
    keys = evaluations["run_key"].to_pylist()
    files = [folder / FACTS / f"{key}.parquet" for key in keys]
    there = [str(path) for path in files if path.is_file()]
    return RecallHistory(evaluations=evaluations, facts=ds.dataset(there, format="parquet"))


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
