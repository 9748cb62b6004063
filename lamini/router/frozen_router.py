"""A frozen router as a folder: the encoder, the codebooks, the word weights, the thresholds.

router.safetensors   encoder and codebooks
router.json          shape, word weights, thresholds

What changes with the facts, the table of group keys, lies in the bank.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lamini.asked.acceptance import Acceptance, load_acceptance
from lamini.bank.evidence import WordWeights
from lamini.bank.group_table import GroupTable
from lamini.config import RouterConfig, from_dict
from lamini.errors import CheckpointError
from lamini.router.group_keys import GroupKeys
from lamini.router.last_states import LastStates
from lamini.router.query_encoder import ProductKeys, QueryEncoder
from lamini.saved import read_tensors, write_json, write_tensors

_HEAL = "restore it from a backup, or train it again"
_RANGES = {"threshold": (-1.01, 1.01), "unnamed_threshold": (-1.01, 2.02), "strict_excess": (0, 3)}
"""Scores lie within -1 and 1, but for rounding; what no key reaches stands above."""


@dataclass(frozen=True, kw_only=True)
class FrozenRouter:
    """All of a router that no change of the facts touches."""

    encoder: QueryEncoder
    product_keys: ProductKeys
    word_weights: WordWeights
    threshold: float
    unnamed_threshold: float
    """What a key needs whose subject the prompt does not name."""
    strict_excess: float
    """What the strict mode adds to both: silence rather than a doubtful answer."""
    acceptance: Acceptance = field(default_factory=load_acceptance)
    """What says how probable it is that a fact is asked for (`lamini.asked`)."""

    def keys_of(
        self, table: GroupTable, silent: GroupTable | None = None, *, strict: bool = False
    ) -> GroupKeys:
        """Return the keys of all groups of a bank's table, and its silent ones, ready to route."""
        if silent is not None and len(silent):
            table = GroupTable.joined([silent, table])
        shared = {phrasing: frozenset(phrasing.split()) for phrasing in table.phrasings}
        keys = GroupKeys(
            table.group_index_G.tolist(),
            table.keys_GK,
            table.subjects,
            [shared[phrasing] for phrasing in table.phrasings],
            self.product_keys,
            self.word_weights,
            self.encoder.config,
            threshold=self.threshold,
            unnamed_threshold=self.unnamed_threshold,
        )
        return keys.raised(self.strict_excess) if strict else keys

    def write(self, folder: Path) -> str:
        """Write both files and return the SHA-256 over what routes."""
        tensors = {f"encoder.{name}": value for name, value in self.encoder.state_dict().items()}
        tensors["codebooks"] = self.product_keys.codebook_2SE
        sha256 = write_tensors(folder / "router.safetensors", tensors)
        settings = {
            "tensors_sha256": sha256,
            "router": asdict(self.encoder.config),
            "hidden_size": self.encoder.hidden_size,
            "threshold": self.threshold,
            "unnamed_threshold": self.unnamed_threshold,
            "strict_excess": self.strict_excess,
            "acceptance": self.acceptance.to_dict(),
            "word_weights": asdict(self.word_weights),
            "sentences_sha256": _sentences_sha256(self.encoder),
        }
        return write_json(folder / "router.json", settings)


def read_router(folder: Path, sha256: str | None = None) -> FrozenRouter:
    """Return the router of a folder, frozen; `sha256` is what `FrozenRouter.write` gave.

    Raises:
        CheckpointError: it is not there, or damaged, or its sentence encoder is another one.
    """
    path = folder / "router.json"
    try:
        written = path.read_bytes()
        settings = json.loads(written)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"no router in {folder}: {error}") from error
    if sha256 not in (None, hashlib.sha256(written).hexdigest()):
        raise CheckpointError(f"{path} is damaged: it is not the file that was written; {_HEAL}")
    try:
        return _frozen(folder, settings)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(f"{path} is damaged ({error!r}); {_HEAL}") from error


def _frozen(folder: Path, settings: dict[str, Any]) -> FrozenRouter:
    for name, (low, high) in _RANGES.items():
        if not low <= settings[name] <= high:
            raise CheckpointError(
                f"{folder / 'router.json'} has {name} = {settings[name]}, which is not within "
                f"{low} and {high}, where scores can lie; {_HEAL}"
            )
    tensors = read_tensors(folder / "router.safetensors", settings["tensors_sha256"])
    codebooks = tensors.pop("codebooks")
    encoder = QueryEncoder(settings["hidden_size"], from_dict(RouterConfig, settings["router"]))
    if encoder.config.last_state_share:
        encoder.last_states = LastStates(
            tensors["encoder.last_states.mean_2ND"], tensors["encoder.last_states.projection_EW"]
        )
    encoder.load_state_dict({k.removeprefix("encoder."): v for k, v in tensors.items()})
    encoder.requires_grad_(False)
    if _sentences_sha256(encoder) != settings["sentences_sha256"]:
        raise CheckpointError(
            f"{folder} was trained beside another sentence encoder than "
            f"{encoder.config.sentence_encoder!r} is now: the weights differ; give back the old one"
        )
    return FrozenRouter(
        encoder=encoder.eval(),
        product_keys=ProductKeys(codebook_2SE=codebooks),
        word_weights=WordWeights(**settings["word_weights"]),
        threshold=settings["threshold"],
        unnamed_threshold=settings["unnamed_threshold"],
        strict_excess=settings["strict_excess"],
        acceptance=Acceptance.from_dict(settings["acceptance"]),
    )


def _sentences_sha256(encoder: QueryEncoder) -> str | None:
    return encoder.sentences.fingerprint() if encoder.sentences else None
