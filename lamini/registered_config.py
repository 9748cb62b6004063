"""What `AutoConfig` reads from a checkpoint folder: the small config.json that names the class."""

from typing import Any

from transformers import AutoConfig
from transformers.configuration_utils import PreTrainedConfig

MODEL_TYPE = "memory_tuned"


class MemoryTunedConfig(PreTrainedConfig):  # type: ignore[misc]
    """Points transformers at a checkpoint; all that decides what is loaded is in checkpoint.json.

    The sizes are the backbone's, for tools that ask a config for them.
    """

    model_type = MODEL_TYPE

    backbone_reference: str = ""
    vocab_size: int = 0
    hidden_size: int = 0
    num_hidden_layers: int = 0
    bos_token_id: int | None = None
    eos_token_id: int | list[int] | None = None
    pad_token_id: int | None = None


def config_of(backbone: Any, reference: str) -> MemoryTunedConfig:
    """Return the config of a checkpoint on the backbone whose own config is given."""
    text = backbone.get_text_config()
    return MemoryTunedConfig(
        architectures=["MemoryTunedForCausalLM"],
        backbone_reference=reference,
        vocab_size=text.vocab_size,
        hidden_size=text.hidden_size,
        num_hidden_layers=text.num_hidden_layers,
        bos_token_id=text.bos_token_id,
        eos_token_id=text.eos_token_id,
        pad_token_id=text.pad_token_id,
    )


AutoConfig.register(MODEL_TYPE, MemoryTunedConfig, exist_ok=True)
