"""Write one fact's experts as a PEFT LoRA folder, for engines that serve adapters but no memory.

An expert is no LoRA: it adds up . silu(down . x) beside the MLP, from the last prompt token on.
But the MLP ends in a linear layer, whose input h (the intermediate activation) is wider than x and
tells the positions of a text apart. So B = up, and A is the smallest matrix with
A h = silu(down . x) where memory is read and A h = 0 at the prompt's earlier positions, over the
prompts given here, each followed by its answer. It is an interpolation: exact, to rounding, for
these prompts; approximate for other phrasings; and never silent, since an adapter knows no router.
So give it to the engine for prompts that go to this fact alone.

Shape suffixes: R rows (positions of all texts)   I intermediate size   G experts   D hidden size
    B batch   L sequence
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import nn
from torch.nn.functional import silu

from lamini.errors import BankError, ExportError
from lamini.experts import MemoryLayer
from lamini.memory import Attached, full_logits, pad_left, pad_right
from lamini.model import MemoryModel
from lamini.saved import write_whole
from lamini.text import encode_prompt

_RANK_TOLERANCE = 1e-6
"""Directions of h below this share of the largest are rounding, not positions told apart."""
_TOLERANCE = 1e-3
"""Largest error of A h allowed, in units of the largest activation of an expert."""


@dataclass(frozen=True, kw_only=True)
class ExportReceipt:
    """What was written and how exactly it could be fitted."""

    folder: Path
    targets: tuple[str, ...]
    """Names of the linear layers that the adapter changes."""
    rank: int
    num_rows: int
    """Positions that each layer's A was fitted on."""
    largest_error: float
    """Largest error of A h over the rows, in units of the largest activation."""


def export_lora(
    model: MemoryModel,
    group: int,
    prompts: Sequence[str],
    folder: Path | str,
    *,
    cloze: bool = False,
    max_answer_tokens: int = 64,
) -> ExportReceipt:
    """Write the group's experts as a LoRA folder that PEFT loads onto the bare backbone.

    Needs the `peft` package. The answers are those that the model gives the prompts with this
    group, whatever the router would do.

    Raises:
        BankError: the group holds no expert, or only zeros.
        ExportError: the MLP does not end in a linear layer, or it is too narrow to tell so many
            positions apart.
    """
    rank = int(model.table.num_experts_G[model.table.row_of(group)])
    prompt_ids, answer_ids = _texts(model, group, prompts, cloze, max_answer_tokens)
    layers = _record(model, group, prompt_ids, answer_ids)
    tensors: dict[str, torch.Tensor] = {}
    errors = []
    for layer in layers:
        if not layer.up_GD[:rank].any():  # the closed form writes the top layer alone
            continue
        fired_RG = layer.fired_RG[:, :rank]
        a_GI, error = _fit(layer.name, layer.hidden_RI, fired_RG)
        errors.append(error)
        name = f"base_model.model.{layer.name}"
        tensors[f"{name}.lora_A.weight"] = a_GI.contiguous()
        tensors[f"{name}.lora_B.weight"] = layer.up_GD[:rank].T.float().cpu().contiguous()
    if not tensors:
        raise BankError(f"the experts of group {group} are zero; there is nothing to export")
    targets = sorted({key.split(".lora_")[0].split(".", 2)[2] for key in tensors})
    _write(Path(folder), tensors, targets, rank, model.attached.backbone.reference)
    return ExportReceipt(
        folder=Path(folder),
        targets=tuple(targets),
        rank=rank,
        num_rows=len(layers[0].hidden_RI),
        largest_error=max(errors),
    )


def _texts(
    model: MemoryModel, group: int, prompts: Sequence[str], cloze: bool, max_answer_tokens: int
) -> tuple[list[list[int]], list[list[int]]]:
    """Return the ids of the prompts, and of the answers that the group gives them."""
    tokenizer = model.tokenizer
    prompt_ids = [encode_prompt(tokenizer, prompt, cloze=cloze) for prompt in prompts]
    ids_BL, mask_BL = pad_left(prompt_ids, model.attached.backbone)
    groups = [group] * len(prompts)
    out = model.generate(
        ids_BL, mask_BL, groups=groups, max_new_tokens=max_answer_tokens, do_sample=False
    )
    answers = []
    for row in out[:, ids_BL.shape[1] :].tolist():
        end = tokenizer.eos_token_id
        answers.append(row[: row.index(end) + 1] if end in row else row)
    return prompt_ids, answers


@dataclass(frozen=True, kw_only=True)
class _Recorded:
    """What one memory layer saw and did at every position of the texts."""

    name: str
    hidden_RI: torch.Tensor
    """The input of the MLP's last linear layer."""
    fired_RG: torch.Tensor
    """The experts' activations, zero before the last prompt token."""
    up_GD: torch.Tensor


@torch.no_grad()
def _record(
    model: MemoryModel, group: int, prompt_ids: list[list[int]], answer_ids: list[list[int]]
) -> list[_Recorded]:
    attached = model.attached
    whole = [p + a[:-1] for p, a in zip(prompt_ids, answer_ids, strict=True)]
    ids_BL, mask_BL = pad_right(whole, attached.backbone)
    reads_BL = mask_BL.bool()
    for row, prompt in enumerate(prompt_ids):
        reads_BL[row, : len(prompt) - 1] = False
    reading = model.reading([group] * len(whole), reads_BL)
    assert reading is not None
    mlps = [layer.mlp for layer in attached.backbone.layers]
    memory_layers = [mlp for mlp in mlps if isinstance(mlp, MemoryLayer)]
    linears = [_last_linear(layer.base) for layer in memory_layers]
    seen: dict[nn.Module, tuple[torch.Tensor, torch.Tensor]] = {}

    def see(module: nn.Module, given: Any, output: torch.Tensor) -> None:
        seen[module] = (given[0], output)

    watched = [*memory_layers, *(layer.base for layer in memory_layers), *linears]
    handles = [module.register_forward_hook(see) for module in watched]
    try:
        full_logits(attached, ids_BL, mask_BL, reading)
    finally:
        for handle in handles:
            handle.remove()
    real_BL = mask_BL.bool()
    recorded = []
    for index, (layer, linear) in enumerate(zip(memory_layers, linears, strict=True)):
        if not torch.equal(seen[layer.base][1], seen[linear][1]):
            raise ExportError(_no_linear(layer.base))
        down_GD = reading.experts.down_NGD[index][0]
        fired_BLG = silu(seen[layer][0].to(down_GD.dtype) @ down_GD.T) * reads_BL[..., None]
        recorded.append(
            _Recorded(
                name=_bare_name(attached, linear),
                hidden_RI=seen[linear][0][real_BL],
                fired_RG=fired_BLG[real_BL],
                up_GD=reading.experts.up_NGD[index][0],
            )
        )
    return recorded


def _fit(name: str, hidden_RI: torch.Tensor, fired_RG: torch.Tensor) -> tuple[torch.Tensor, float]:
    """Return the smallest A [G, I] with A h = fired at every row, and its largest error."""
    inverse_IR = torch.linalg.pinv(hidden_RI.double(), rtol=_RANK_TOLERANCE)
    a_GI = (inverse_IR @ fired_RG.double()).T.float()
    error_RG = (hidden_RI.float() @ a_GI.T - fired_RG).abs()
    error = (error_RG.max() / fired_RG.abs().max().clamp(min=1e-30)).item()
    if not error <= _TOLERANCE:
        rows, width = hidden_RI.shape
        raise ExportError(
            f"{name} cannot tell the {rows} positions of the prompts and answers apart: its input "
            f"has {width} numbers, and the best fit misses by {error:.1%} of the largest "
            f"activation (at most {_TOLERANCE:.1%} is allowed); give fewer or shorter prompts"
        )
    return a_GI.cpu(), error


def _last_linear(mlp: nn.Module) -> nn.Linear:
    linears = [child for child in mlp.children() if isinstance(child, nn.Linear)]
    if not linears:
        raise ExportError(_no_linear(mlp))
    return linears[-1]


def _no_linear(mlp: nn.Module) -> str:
    return (
        f"{type(mlp).__name__} does not end in a linear layer, so no LoRA can stand for an expert "
        "beside it; Llama, Mistral, Qwen, Gemma, Phi-3 and GPT-NeoX shaped models do"
    )


def _bare_name(attached: Attached, linear: nn.Module) -> str:
    """Return the layer's name in the backbone without memory."""
    names = (n for n, module in attached.backbone.model.named_modules() if module is linear)
    return next(names).replace(".base.", ".")


def _write(
    folder: Path, tensors: dict[str, torch.Tensor], targets: list[str], rank: int, reference: str
) -> None:
    from peft import LoraConfig, TaskType

    config = LoraConfig(
        r=rank,
        lora_alpha=rank,
        lora_dropout=0.0,
        bias="none",
        task_type=TaskType.CAUSAL_LM,
        target_modules=targets,
        base_model_name_or_path=reference,
        inference_mode=True,
    )
    write_whole(folder / "adapter_model.safetensors", save(tensors, metadata={"format": "pt"}))
    config.save_pretrained(str(folder))
