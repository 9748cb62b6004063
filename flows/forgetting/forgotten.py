"""What forgetting did, what proves it, and what still holds the fact."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flows.forgetting.holdings import Holding
from flows.forgetting.purge import Purged
from flows.home.receipts import Proof


@dataclass(frozen=True, kw_only=True)
class Silence:
    """What the champion says to the fact's own prompts, beside the bare backbone."""

    prompts_asked: int
    prompts_as_the_backbone: int
    """Those that get the backbone's own logits, bit for bit."""
    prompts_that_read_another_fact: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ModelWithout:
    """The champion, which holds the fact no more."""

    run_key: str
    removed_by_this_run: bool
    groups: tuple[int, ...]
    """Groups that this run emptied or trained anew."""
    proof: Proof
    """What this run compared on the way."""
    silence: Silence

    def told(self) -> dict[str, object]:
        """Return it as programs read it."""
        return {
            "promoted": True,
            "run_key": self.run_key,
            "holds_the_fact": False,
            "removed_by_this_run": self.removed_by_this_run,
            "groups_emptied_or_retrained": self.groups,
            **{f"proof_{name}": _number(value) for name, value in self.proof.told().items()},
            **vars(self.silence),
        }


@dataclass(frozen=True, kw_only=True)
class NoModel:
    """Nothing was ever promoted, so no model holds the fact."""

    def told(self) -> dict[str, object]:
        """Return it as programs read it."""
        return {"promoted": False, "holds_the_fact": False}


@dataclass(frozen=True, kw_only=True)
class Forgotten:
    """What became of a request to be forgotten."""

    subject: str
    other_names: Sequence[str]
    relation: str
    reason: str
    forgotten_at: str
    counts: Mapping[str, int] | None
    """Rows by their status since; null where nothing is published."""
    model: ModelWithout | NoModel
    asserted_by: Sequence[Mapping[str, object]]
    """The rows of the sources that assert it: source, file, row."""
    purge: Purged | None
    """Null where none was asked for."""
    still_held: Sequence[Holding]

    def told(self) -> dict[str, object]:
        """Return it as programs read it."""
        return {k: v for k, v in vars(self).items() if k != "purge" or v is not None}


@dataclass(frozen=True, kw_only=True)
class Lifted:
    """That a tombstone was taken away."""

    subject: str
    relation: str
    lifted: int
    """Tombstones, one for each name of the subject."""
    was_purged: bool
    counts: Mapping[str, int] | None


def _number(value: Any) -> int:
    return len(value) if isinstance(value, list) else int(value)
