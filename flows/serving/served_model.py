"""One checkpoint that answers what strangers may send: bounded, and each prompt for itself.

The champion's follows the pointer: before each batch it is looked at which checkpoint answers now,
so that nothing is said that was rolled back, updated or purged.
"""

import contextlib
import logging
import os
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal

from flows.configuration.on_mismatch import WAYS, OnMismatch
from flows.configuration.serving import Serving
from flows.environment import mlflow_database
from flows.errors import FlowsError, NothingYetError
from flows.home.champion import promoted, read_pointer
from flows.home.home import Home
from flows.serving.given_prompts import batches, encoded, shown
from lamini.errors import LaminiError
from lamini.model.loading import load, load_beside
from warehouse.errors import WarehouseError

if TYPE_CHECKING:
    from flows.serving.asking import Asked
    from lamini.model.memory_model import MemoryModel
    from lamini.model.running_text import Passage
    from warehouse.snapshots import Snapshot

ChatMode = Literal["answer", "inline", "context", "both"]
_MAX_REFUSAL = 1000
"""Characters of what is said in place of every answer from no fact."""
_CHANGING_SECONDS = 15.0
"""How long a request waits for a champion that is being put in place."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Answered:
    """A prompt with its answer."""

    asked: "Asked"
    fact_ids: tuple[str, ...]

    def told(self) -> dict[str, Any]:
        """Return it as plain values, dates as text."""
        return _plain({**self.asked.told(), "fact_ids": self.fact_ids, "error": None})


@dataclass(frozen=True, kw_only=True)
class Refused:
    """A prompt that got no answer, and why."""

    prompt: str | None
    error: str

    def told(self) -> dict[str, Any]:
        """Return it with the names that an answer has."""
        return {
            "prompt": self.prompt,
            "answer": None,
            "said": None,
            "from_memory": False,
            "group": None,
            "experts": [],
            "score": None,
            "margin": None,
            "reason": None,
            "facts": [],
            "rows": [],
            "table_answer": None,
            "table_agrees": None,
            "is_mismatch": False,
            "fact_ids": [],
            "error": self.error,
        }


class ServedModel:
    """One checkpoint with the snapshot that it was trained on, ready to answer.

    Where it is the champion's when it is opened, it is whatever the champion is later.
    """

    def __init__(
        self,
        home: Home,
        checkpoint: Path,
        limits: Serving | None = None,
        on_mismatch: OnMismatch = "refuse",
    ) -> None:
        """Load the checkpoint.

        Raises:
            NothingYetError: the folder is gone.
        """
        if not (checkpoint / "checkpoint.json").is_file():
            raise NothingYetError(
                f"the checkpoint {checkpoint} is not there; if the home was moved, name it by "
                "LAMINI_HOME; if it was removed, serve models:/lamini@champion"
            )
        self.limits = limits or Serving()
        self.on_mismatch: OnMismatch = on_mismatch
        self.home = home
        self.folder = checkpoint
        pointer = read_pointer(home)
        self.is_champion = pointer is not None and (
            home.checkpoint(pointer.champion.path) == checkpoint
        )
        self._changing = Lock()
        self._seen = self._files()
        self.model: MemoryModel = load(checkpoint)
        self.snapshot = _snapshot(home, str(self.model.manifest["snapshot_hash"]))

    def follow(self) -> bool:
        """Answer as the champion from now on; true where it is another one than before.

        Raises:
            FlowsError, LaminiError, WarehouseError, OSError: it cannot be loaded, for some seconds.
        """
        if not self.is_champion or self._files() == self._seen:
            return False
        last = time.monotonic() + _CHANGING_SECONDS
        with self._changing:
            while self._files() != self._seen:
                try:
                    self._open_champion()
                except (FlowsError, LaminiError, WarehouseError, OSError):
                    # A purge that puts a checkpoint in place has it away for a moment.
                    if time.monotonic() > last:
                        raise
                    time.sleep(0.1)
        return True

    def _open_champion(self) -> None:
        folder = self.home.checkpoint(promoted(self.home).champion.path)
        seen = self._files(folder)
        model = load_beside(self.model, folder)
        snapshot = _snapshot(self.home, str(model.manifest["snapshot_hash"]))
        _log.info("answers from %s from now on", folder)
        self.folder, self._seen, self.model, self.snapshot = folder, seen, model, snapshot

    def _files(self, folder: Path | None = None) -> tuple[tuple[int, int, int] | None, ...]:
        """Return what tells the pointer and the checkpoint that is served from later ones."""
        return _version(self.home.pointer), _version((folder or self.folder) / "checkpoint.json")

    def answer(
        self,
        prompts: Sequence[Any],
        *,
        strict: bool = False,
        refusal: str = "",
        on_mismatch: str = "",
    ) -> list[Answered | Refused]:
        """Answer every prompt, each with where its answer comes from, or with its error.

        `strict` answers from memory only where no doubt is left; `refusal` is said where nothing is
        read; `on_mismatch`, what is answered where memory and table disagree. Where they are empty,
        as `refusal_of` says and as this model was opened.
        """
        last = time.monotonic() + self.limits.max_seconds
        if len(refusal) > _MAX_REFUSAL:
            why = f"the refusal has {len(refusal)} characters, the limit is {_MAX_REFUSAL}"
            return [_refused(prompt, why) for prompt in prompts]
        ways = {way: way for way in WAYS} | {"": self.on_mismatch}
        if (way := ways.get(on_mismatch)) is None:
            why = f"on_mismatch={shown(on_mismatch)} must be one of {', '.join(WAYS)}"
            return [_refused(prompt, why) for prompt in prompts]
        found: dict[int, Answered | Refused] = {
            place: _refused(prompt, self._beyond(place + 1, len(prompts)))
            for place, prompt in enumerate(prompts)
            if place >= self.limits.max_prompts
        }
        lengths: dict[int, int] = {}
        for place, prompt in enumerate(prompts[: self.limits.max_prompts]):
            late = time.monotonic() > last
            ids = (
                self._too_late(len(prompts))
                if late
                else encoded(self.model.tokenizer, prompt, self.limits)
            )
            if isinstance(ids, str):
                found[place] = _refused(prompt, ids)
            else:
                lengths[place] = len(ids)
        for batch in batches(lengths):
            asked = [prompts[place] for place in batch]
            answers: Sequence[Answered | Refused]
            if time.monotonic() > last:
                answers = [_refused(prompt, self._too_late(len(prompts))) for prompt in asked]
            else:
                answers = self._each(asked, strict, refusal, way)
            found |= zip(batch, answers, strict=True)
        return [found[place] for place in range(len(prompts))]

    @property
    def mode(self) -> ChatMode:
        """How memory is read where nobody says how."""
        if self.model.tokenizer.chat_template is None or self.model.asked is None:
            return "answer"
        return "both" if self.model.due_keys else "context"

    def refused_chat(
        self, messages: Sequence[Mapping[str, str]], mode: str, max_new_tokens: int
    ) -> str:
        """Return why a chat is not answered; nothing where it is."""
        most = self.limits.max_new_tokens
        if max_new_tokens > most:
            return f"{max_new_tokens} tokens are more than max_new_tokens={most}"
        if mode != "answer" and self.model.asked is None:
            return f"mode={mode!r} needs facts that have a subject and a relation"
        if mode in ("inline", "both") and self.model.due_keys is None:
            return f"mode={mode!r} needs due keys, and this checkpoint has none"
        said = "\n".join(message["content"] for message in messages)
        ids = encoded(self.model.tokenizer, said, self.limits)
        return ids if isinstance(ids, str) else ""

    def write(
        self,
        messages: Sequence[Mapping[str, str]],
        *,
        mode: ChatMode,
        max_new_tokens: int,
        temperature: float = 0.0,
        seed: int = 0,
    ) -> "Generator[Passage]":
        """Yield what is written after each token, and last the whole; for `max_seconds` at most."""
        last = time.monotonic() + self.limits.max_seconds
        self.follow()
        passages = self.model.stream(
            messages, mode=mode, max_new_tokens=max_new_tokens, temperature=temperature, seed=seed
        )
        with contextlib.closing(passages):
            for passage in passages:
                if time.monotonic() > last and not passage.finish_reason:
                    yield replace(passage, num_standing=len(passage.text), finish_reason="length")
                    return
                yield passage

    def sources(self, passage: "Passage", mode: str) -> dict[str, Any]:
        """Return where a whole passage is from: its stretches of memory, with their source rows."""
        from flows.serving.asking import facts_by_id, source_rows

        named = [*dict.fromkeys([*(one.fact_id for one in passage.stated), *passage.rows])]
        known = facts_by_id(self.snapshot, named)
        rows = {
            fact_id: [asdict(row) for row in source_rows(self.snapshot, [fact])]
            for fact_id, fact in known.items()
        }
        spans = [
            {
                "start": one.start,
                "end": one.end,
                "fact_ids": [one.fact_id],
                "subject": one.subject,
                "relation": one.relation,
                "rows": rows.get(one.fact_id, []),
            }
            for one in passage.stated
        ]
        told = {"mode": mode, "from_memory": bool(spans), "spans": spans}
        prompted = [{"fact_ids": [i], "rows": rows.get(i, [])} for i in passage.rows]
        unsupported = [{"start": start, "end": end} for start, end in passage.unsupported]
        return _plain({**told, "in_prompt": prompted, "unsupported": unsupported})

    def _each(
        self, prompts: list[str], strict: bool, refusal: str, way: OnMismatch
    ) -> Sequence[Answered | Refused]:
        """Answer a batch; if it fails, its prompts one by one."""
        try:
            return self._answered(prompts, strict, refusal, way)
        except Exception as error:  # noqa: BLE001 - of whatever kind: the others get their answer
            if self._is_another():
                return self._each(prompts, strict, refusal, way)
            _log.exception("a batch of %s prompts failed", len(prompts))
            if len(prompts) > 1:
                alone = (self._each([prompt], strict, refusal, way) for prompt in prompts)
                return [one for found in alone for one in found]
            # What went wrong may name files of this machine: that stands in its log.
            why = f"the answer failed ({type(error).__name__}); the server's log says why"
            return [_refused(prompts[0], why)]

    def _answered(
        self, prompts: list[str], strict: bool, refusal: str, way: OnMismatch
    ) -> list[Answered]:
        from flows.serving.asking import explain_answer, refusal_of

        self.follow()
        with self._changing:
            model, snapshot = self.model, self.snapshot
        unread = refusal_of(model, refusal)
        answers = model.answer(prompts, strict=strict, refusal=unread)
        return [
            Answered(
                asked=explain_answer(snapshot, prompt, answer, way),
                fact_ids=tuple(answer.fact_ids),
            )
            for prompt, answer in zip(prompts, answers, strict=True)
        ]

    def _is_another(self) -> bool:
        """Whether there is another champion since, so that the same prompts are to be asked it."""
        with contextlib.suppress(FlowsError, LaminiError, WarehouseError, OSError):
            return self.follow()
        return False

    def _beyond(self, number: int, of: int) -> str:
        return (
            f"prompt {number} of {of}: the limit is max_prompts={self.limits.max_prompts} a "
            "request; send it in another one, or raise max_prompts"
        )

    def _too_late(self, of: int) -> str:
        return (
            f"the {of} prompts of this request took longer than max_seconds="
            f"{self.limits.max_seconds:g}; send fewer at once, or raise max_seconds"
        )


def open_served(config: Mapping[str, Any]) -> ServedModel:
    """Open the checkpoint that a saved model names, with the bounds that it names."""
    home = _home_of(config)
    limits = {f.name: config[f.name] for f in fields(Serving) if f.name in config}
    return ServedModel(
        home,
        home.checkpoint(config["checkpoint"]),
        Serving(**limits),
        config.get("on_mismatch", "refuse"),
    )


def _home_of(config: Mapping[str, Any]) -> Home:
    """Return the home: the one named, else that whose MLflow serves, else where it was saved."""
    import mlflow

    if given := os.environ.get("LAMINI_HOME"):
        return Home(Path(given))
    store = Path(mlflow.get_tracking_uri().removeprefix("sqlite:///"))
    home = store.parent.parent
    is_home = mlflow_database(home) == store and (home / config["checkpoint"]).is_dir()
    return Home(home if is_home else Path(config["home"]))


def _version(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _refused(prompt: Any, why: str) -> Refused:
    return Refused(prompt=shown(prompt), error=why)


def _snapshot(home: Home, known: str) -> "Snapshot":
    from warehouse.snapshots import head, open_snapshot

    try:
        return open_snapshot(home.snapshot(known))
    except WarehouseError:  # it was cleared away: the newest one still names most facts
        return head(home.warehouse)


def _plain(value: Any) -> Any:
    """Return dates as text, so that JSON takes them."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
