"""Settings of the model and its training: frozen dataclasses, checked once, when they are made."""

import dataclasses
from dataclasses import dataclass
from math import isqrt
from typing import Any, TypeVar, get_type_hints

from lamini.errors import ConfigError

ConfigType = TypeVar("ConfigType")

CACHE_BYTES = 2**28
"""Experts that a loaded checkpoint keeps in memory, those read last."""


def _positive(config: Any, *names: str) -> None:
    for name in names:
        if getattr(config, name) <= 0:
            raise ConfigError(f"{name}={getattr(config, name)!r} must be greater than 0")


@dataclass(frozen=True, kw_only=True)
class MemoryConfig:
    """The geometry of the bank: how many experts there are and how they are grouped."""

    num_experts: int = 262_144
    """Addressable experts; only written ones take space."""
    group_size: int = 64
    """Experts in one group's block: the tokens that an answer may have."""

    def __post_init__(self) -> None:
        _positive(self, "num_experts", "group_size")
        if self.num_experts % self.group_size:
            raise ConfigError(
                f"num_experts={self.num_experts} must be a multiple of group_size="
                f"{self.group_size}, for groups own whole blocks; "
                f"try {(self.num_experts // self.group_size + 1) * self.group_size}"
            )

    @property
    def num_groups(self) -> int:
        return self.num_experts // self.group_size

    @property
    def num_subkeys(self) -> int:
        """Sub-keys in each codebook: the side of the least square with a cell for each group."""
        return isqrt(self.num_groups - 1) + 1


@dataclass(frozen=True, kw_only=True)
class RouterConfig:
    """The router's encoder and its search."""

    num_queries: int = 8
    """Learned queries that attend over the prompt's tokens."""
    head_dim: int = 32
    key_dim: int = 256
    """Width of the trained query, and of the group keys where nothing is put beside it."""
    num_ngrams: int = 32_768
    """Rows of the hashed n-gram table."""
    num_cells: int = 128
    """Cells of the product-key square searched for one prompt."""
    explained_share: float = 0.4
    """How much the share of explained words counts in a score; the rest is the cosine."""
    sentence_encoder: str = ""
    """Folder or name of a transformers sentence encoder that queries and keys are widened by, for
    facts with few phrasings; empty for none."""
    sentence_share: float = 0.9
    """How much it counts in the cosine."""
    last_state_share: float = 0.0
    """How much the backbone's own states of a prompt's last token count in the cosine: what it is
    about to say. For facts with few phrasings, on a backbone that has read widely."""

    def __post_init__(self) -> None:
        _positive(self, "num_queries", "head_dim", "key_dim", "num_ngrams", "num_cells")
        if self.key_dim % 2:
            raise ConfigError(f"key_dim={self.key_dim} must be even: it is split in two halves")
        if not 0 <= self.explained_share < 1:
            raise ConfigError(f"explained_share={self.explained_share} must lie in [0, 1)")
        if not 0 < self.sentence_share < 1:
            raise ConfigError(f"sentence_share={self.sentence_share} must lie in (0, 1)")
        if not 0 <= self.last_state_share < 1:
            raise ConfigError(f"last_state_share={self.last_state_share} must lie in [0, 1)")
        if self.trained_share < 1e-6:
            raise ConfigError(
                f"sentence_share={self.sentence_share} and last_state_share="
                f"{self.last_state_share} must leave a share to the trained query: lower one"
            )

    @property
    def trained_share(self) -> float:
        """How much the trained query counts in the cosine."""
        return 1 - self.last_state_share - (self.sentence_share if self.sentence_encoder else 0)


@dataclass(frozen=True, kw_only=True)
class RouterTraining:
    """Router pretraining: one pass over a stream of distinct renderings."""

    num_steps: int = 160
    batch_facts: int = 128
    views_per_fact: int = 2
    batch_negatives: int = 64
    renderings_per_fact: int = 8
    """Phrasings of a fact in the pool that views are drawn from."""
    num_negatives: int = 3000
    learning_rate: float = 3e-3
    temperature: float = 0.05
    token_dropout: float = 0.1
    wrapped_fraction: float = 0.15
    """Share of the renderings put inside a system prompt or a paragraph."""
    accepted_fraction: float = 0.97
    """Share of the calibration questions that the threshold must accept."""
    captured_fraction: float = 0.04
    """Share of the calibration negatives that may be above the threshold, if that raises it."""
    save_every_steps: int = 50
    seed: int = 0

    def __post_init__(self) -> None:
        _positive(self, "num_steps", "batch_facts", "learning_rate", "temperature")
        if self.views_per_fact < 2:
            raise ConfigError(
                "views_per_fact must be at least 2: a view is matched with the others"
            )
        if not 0 < self.accepted_fraction < 1:
            raise ConfigError(f"accepted_fraction={self.accepted_fraction} must lie in (0, 1)")


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """Gradient steps on a fact's experts until every answer token is near certain."""

    max_steps: int = 24
    learning_rate: float = 2.0
    """Length of a step, in norms of the residual stream that an expert is added to. Shorter steps
    decide the contexts tuned on as well, and others less: 0.991 to 0.997 at 0.3 and 1."""
    tuned_probability: float = 0.997
    """Steps end when the whole answer has it in every context: a token the root of it."""
    decided_probability: float = 0.95
    """A token is decided when its probability reaches this; greedy decoding needs 0.5. Some tokens
    cannot reach the other: no state makes the head give them more than 0.985, say."""
    prompts_per_fact: int = 2
    """Phrasings that a fact is tuned on, each as it stands and in another dress."""
    verified_per_fact: int = 2
    """Other contexts that are verified then; a fact is tuned on those as well that fail. 0 verifies
    none."""
    max_answer_tokens: int = 64
    """At most the bank's group_size: a token takes an expert."""

    def __post_init__(self) -> None:
        _positive(self, "max_steps", "learning_rate", "prompts_per_fact", "max_answer_tokens")
        if self.verified_per_fact < 0:
            raise ConfigError(f"verified_per_fact={self.verified_per_fact} must not be negative")
        if not 0.5 < self.decided_probability <= self.tuned_probability < 1:
            raise ConfigError(
                f"decided_probability={self.decided_probability} must lie above 0.5, for greedy "
                f"decoding needs that, and not above tuned_probability={self.tuned_probability}, "
                "which must lie below 1"
            )


def from_dict(cls: type[ConfigType], values: dict[str, Any]) -> ConfigType:
    """Build the settings class from plain values, as `dataclasses.asdict` gave them.

    Raises:
        ConfigError: a key is unknown, or a value has the wrong type or range.
    """
    hints = get_type_hints(cls)
    for name, value in values.items():
        if name not in hints:
            raise ConfigError(f"unknown setting {name!r}; known: {', '.join(hints)}")
        wanted = (int, float) if hints[name] is float else (hints[name],)
        if type(value) not in wanted:
            raise ConfigError(f"{name}={value!r} must be {hints[name].__name__}")
    return cls(**values)


def to_dict(config: Any) -> dict[str, Any]:
    """Return the settings as plain values."""
    return dataclasses.asdict(config)


@dataclass(frozen=True, kw_only=True)
class DueTraining:
    """What due keys learn from: texts that a chat model writes about subjects of the table."""

    subjects_per_relation: int = 20
    """0 learns none: values are then said in answers, and stand as rows in prompts."""
    max_new_tokens: int = 46
    seed: int = 0

    def __post_init__(self) -> None:
        _positive(self, "max_new_tokens")
        if self.subjects_per_relation < 0:
            raise ConfigError(
                f"subjects_per_relation={self.subjects_per_relation} must not be negative"
            )
