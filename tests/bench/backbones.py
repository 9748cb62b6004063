"""Backbones for measuring: the embedded one made deeper without changing what it computes."""

import copy

import torch

from lamini.backbone import Backbone, freeze, load_backbone


def deep(num_layers: int) -> Backbone:
    """Return the embedded backbone expanded to `num_layers` layers, the same function.

    Copies of lower layers whose output projections are zero stand between the originals, below the
    two top layers (block expansion: Wu et al. 2024, arXiv:2401.02415).
    """
    small = load_backbone()
    old = small.model.model.layers
    below, top = [*old[:-2]], [*old[-2:]]
    if num_layers < len(old):
        raise ValueError(f"num_layers={num_layers} must be at least {len(old)}")
    config = copy.deepcopy(small.model.config)
    config.num_hidden_layers = num_layers
    config.layer_types = None
    model = type(small.model)(config)
    model.load_state_dict(small.model.state_dict(), strict=False)
    room = num_layers - len(top)
    sources = [i * len(below) // room for i in range(room)]
    layers = []
    for place, source in enumerate(sources):
        layer = copy.deepcopy(below[source])
        if place and sources[place - 1] == source:
            torch.nn.init.zeros_(layer.self_attn.o_proj.weight)
            torch.nn.init.zeros_(layer.mlp.down_proj.weight)
        layers.append(layer)
    layers += [copy.deepcopy(layer) for layer in top]
    for index, layer in enumerate(layers):
        layer.self_attn.layer_idx = index
    model.model.layers = torch.nn.ModuleList(layers)
    return freeze(model, small.tokenizer, f"embedded, {num_layers} layers")
