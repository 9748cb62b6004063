"""Load any transformers causal LM, frozen, and see it as trunk + upper part.

The trunk is everything below the memory layers; no expert touches it, so its output for a fixed
text is computed once. Both parts are views: new module shells over the very same parameters.
"""

import copy
import hashlib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel
from transformers import PreTrainedTokenizerBase as Tokenizer
from transformers.utils import logging

from lamini.errors import BackboneError

EMBEDDED = "embedded"
"""The reference of the backbone that ships with the package."""


@dataclass(frozen=True, kw_only=True)
class Backbone:
    """A frozen causal LM with its tokenizer, and where it came from."""

    model: PreTrainedModel
    tokenizer: Tokenizer
    reference: str
    """What it was loaded by: `embedded`, a folder or a model name."""

    @property
    def layers(self) -> nn.ModuleList:
        """The decoder layers, bottom first."""
        return _layers(decoder_of(self.model))

    @property
    def device(self) -> torch.device:
        return self.model.device

    @property
    def dtype(self) -> torch.dtype:
        return self.model.dtype

    @property
    def hidden_size(self) -> int:
        return int(self.model.config.get_text_config().hidden_size)

    def fingerprint(self) -> str:
        """Return a SHA-256 over names and bytes of all weights: which backbone this is."""
        return weights_sha256(self.model)


def load_backbone(
    reference: str = EMBEDDED,
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> Backbone:
    """Return the causal LM named by `reference` (embedded, folder or model name), frozen, in eval.

    All work is done on `device`: `cuda` is a GPU, of ROCm too.

    Raises:
        BackboneError: it cannot be loaded, or it is not a decoder-layer stack.
    """
    source = str(files("lamini") / "embedded") if reference == EMBEDDED else reference
    if reference != EMBEDDED and Path(reference).is_absolute() and not Path(reference).is_dir():
        raise BackboneError(f"no backbone folder {reference!r}; give a folder or a model name")
    if reference == EMBEDDED:  # it takes a moment: no progress bar
        logging.disable_progress_bar()
    try:
        model = AutoModelForCausalLM.from_pretrained(
            source, dtype=dtype, use_safetensors=True, trust_remote_code=False
        )
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise BackboneError(
            f"cannot load backbone {reference!r}: {str(error).splitlines()[0]}; give "
            f"{EMBEDDED!r}, a folder with safetensors weights, or a model name in the local cache"
        ) from error
    finally:
        logging.enable_progress_bar()
    return freeze(model.to(device), tokenizer, reference)


def freeze(model: PreTrainedModel, tokenizer: Tokenizer, reference: str) -> Backbone:
    """Return `model` as a frozen backbone.

    Raises:
        BackboneError: no stack of decoder layers is found in it.
    """
    _layers(decoder_of(model))
    model.requires_grad_(False)
    model.eval()
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return Backbone(model=model, tokenizer=tokenizer, reference=reference)


def decoder_of(model: PreTrainedModel) -> nn.Module:
    """The stack below the language-model head."""
    return getattr(model, model.base_model_prefix, model)


def _layers(decoder: nn.Module) -> nn.ModuleList:
    layers = getattr(decoder, "layers", None)
    if not isinstance(layers, nn.ModuleList) or not all(hasattr(x, "mlp") for x in layers):
        raise BackboneError(
            f"{type(decoder).__name__} has no stack of decoder layers, each with an mlp; "
            "give a Llama, Mistral, Qwen, Gemma, Phi or GPT-NeoX shaped model"
        )
    return layers


def weights_sha256(model: nn.Module) -> str:
    """Return a SHA-256 over names and bytes of all weights, with memory attached or without."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.replace(".base.", ".").encode())
        digest.update(tensor.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


_FINAL_NORMS = ("norm", "final_layernorm", "final_layer_norm")


def trunk_view(backbone: Backbone, num_memory_layers: int) -> nn.Module:
    """Return the stack up to the memory layers: ids in, hidden states out, no final norm."""
    view = _stack_view(backbone, 0, len(backbone.layers) - num_memory_layers)
    for name in _FINAL_NORMS:
        if name in view._modules:
            view._modules[name] = nn.Identity()
    return view


def upper_view(backbone: Backbone, num_memory_layers: int) -> nn.Module:
    """Return the memory layers with final norm and head: trunk states in, logits out."""
    num_layers = len(backbone.layers)
    stack = _stack_view(backbone, num_layers - num_memory_layers, num_layers)
    view = _shell(backbone.model)
    view._modules[backbone.model.base_model_prefix] = stack
    view.config = stack.config
    return view


def _stack_view(backbone: Backbone, start: int, stop: int) -> Any:
    num_layers = len(backbone.layers)
    if not 0 <= start < stop <= num_layers:
        raise BackboneError(
            f"cannot take layers {start}..{stop - 1} of {num_layers}; num_memory_layers must lie "
            f"in 1..{num_layers - 1}, so that a trunk remains"
        )
    view: Any = _shell(decoder_of(backbone.model))
    view.config = copy.deepcopy(view.config)
    view.config.num_hidden_layers = stop - start
    if getattr(view.config, "layer_types", None):
        view.config.layer_types = view.config.layer_types[start:stop]
    layers = enumerate(backbone.layers[start:stop])
    view._modules["layers"] = nn.ModuleList([_renumbered(layer, i) for i, layer in layers])
    return view


def _renumbered(layer: nn.Module, layer_index: int) -> nn.Module:
    # The cache is addressed by layer_idx, wherever in the layer it stands.
    view: Any = _shell(layer)
    if hasattr(view, "layer_idx"):
        view.layer_idx = layer_index
    for name, child in layer._modules.items():
        if child is not None and hasattr(child, "layer_idx"):
            part: Any = _shell(child)
            part.layer_idx = layer_index
            view._modules[name] = part
    return view


def _shell(module: nn.Module) -> nn.Module:
    view = copy.copy(module)
    view._modules = dict(module._modules)
    return view
