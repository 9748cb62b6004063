"""Load any transformers causal LM, frozen, and see it as stack + head.

No expert touches a decoder layer, so what they make of a fixed text is computed once. The parts are
views: new module shells over the very same parameters.
"""

import copy
import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel
from transformers import PreTrainedTokenizerBase as Tokenizer
from transformers.modeling_outputs import BaseModelOutputWithPast
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
    state = {name.replace(".base.", "."): part for name, part in model.state_dict().items()}
    for name, tensor in sorted(state.items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


_FINAL_NORMS = ("norm", "final_layernorm", "final_layer_norm")


def final_norm(backbone: Backbone) -> nn.Module:
    """Return the norm between the decoder layers and the head.

    Raises:
        BackboneError: there is none of a known name.
    """
    decoder = decoder_of(backbone.model)
    norm = decoder._modules[_norm_name(decoder)]
    assert norm is not None
    return norm


def put_final_norm(backbone: Backbone, norm: nn.Module) -> None:
    """Let `norm` stand between the decoder layers and the head."""
    decoder = decoder_of(backbone.model)
    decoder._modules[_norm_name(decoder)] = norm


def _norm_name(decoder: nn.Module) -> str:
    for name in _FINAL_NORMS:
        if decoder._modules.get(name) is not None:
            return name
    raise BackboneError(
        f"{type(decoder).__name__} has no final norm named {' or '.join(_FINAL_NORMS)}; give a "
        "Llama, Mistral, Qwen, Gemma, Phi or GPT-NeoX shaped model"
    )


def stack_view(backbone: Backbone, num_layers: int) -> nn.Module:
    """Return the lowest decoder layers: ids in, hidden states out, no final norm."""
    view: Any = _shell(decoder_of(backbone.model))
    view.config = copy.deepcopy(view.config)
    view.config.num_hidden_layers = num_layers
    if getattr(view.config, "layer_types", None):
        view.config.layer_types = view.config.layer_types[:num_layers]
    view._modules["layers"] = nn.ModuleList(backbone.layers[:num_layers])
    view._modules[_norm_name(view)] = nn.Identity()
    return view


class _Top(nn.Module):
    """What stands for the decoder in a head: its final norm alone."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, *_: Any, inputs_embeds: torch.Tensor, **__: Any) -> BaseModelOutputWithPast:
        return BaseModelOutputWithPast(last_hidden_state=self.norm(inputs_embeds))


def head_view(backbone: Backbone) -> nn.Module:
    """Return final norm and head: states of the last layer in (`inputs_embeds`), logits out."""
    view: Any = _shell(backbone.model)
    view._modules[backbone.model.base_model_prefix] = _Top(final_norm(backbone))
    # The hooks of the whole model are not the head's.
    view._forward_pre_hooks, view._forward_pre_hooks_with_kwargs = OrderedDict(), OrderedDict()
    return view


def _shell(module: nn.Module) -> nn.Module:
    view = copy.copy(module)
    view._modules = dict(module._modules)
    return view
