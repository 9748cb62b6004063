"""Write one fact's experts as a PEFT LoRA folder, for engines that serve adapters but no memory.

An expert is no LoRA: it adds a shift at one answer position. But the top layer's MLP ends in a
linear layer, whose input h (the intermediate activation) is wide and tells the positions of a text
apart. So B holds the shifts, and A is the smallest matrix with A h = 1 for an expert at its own
answer position and 0 at all others, over the prompts given here, each followed by its answer. It is
an interpolation: exact, to rounding, for these prompts; approximate for other phrasings; and never
silent, since an adapter knows no router. So give it to the engine for prompts that go to this fact
alone.

Shape suffixes: R rows (positions of all texts)   I intermediate size   A experts   D hidden size
    B batch   L sequence   V vocabulary
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import nn

from lamini.backbone.memory import full_logits, pad_left, pad_right
from lamini.backbone.text import encode_prompt
from lamini.errors import BankError, ExportError
from lamini.model.memory_model import MemoryModel
from lamini.saved import write_whole

_RANK_TOLERANCE = 1e-6
"""Directions of h below this share of the largest are rounding, not positions told apart."""
_TOLERANCE = 1e-3
"""Largest error allowed: of A h, and of the adapter's logits in units of the largest logit."""


@dataclass(frozen=True, kw_only=True)
class ExportReceipt:
    """What was written and how exactly it could be fitted."""

    folder: Path
    targets: tuple[str, ...]
    """Names of the linear layers that the adapter changes: one."""
    rank: int
    num_rows: int
    """Positions that A was fitted on."""
    largest_error: float
    """Largest error of A h over the rows; it should be 0 or 1."""


@torch.no_grad()
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
        ExportError: the MLP does not end in a linear layer, a norm follows it, or it is too narrow
            to tell so many positions apart.
    """
    model.table.row_of(group)
    shift_AD = model.bank.read([group])[0]
    if not shift_AD.any():
        raise BankError(f"the experts of group {group} are zero; there is nothing to export")
    texts = _texts(model, group, prompts, cloze, max_answer_tokens)
    mlp = model.attached.backbone.layers[-1].mlp
    assert isinstance(mlp, nn.Module)
    linear = _last_linear(mlp)
    ids_BL, mask_BL, at_BL = _positions(model, *texts)
    reads_BL = at_BL >= 0
    with _input_of(linear) as seen:
        full_logits(model.attached, ids_BL, mask_BL, None)
    real_BL = mask_BL.bool()
    hidden_RI, at_R = seen[0][real_BL], at_BL[real_BL]
    name = _name(model, linear)
    a_AI, error = _fit(name, hidden_RI, at_R, len(shift_AD))
    b_DA = shift_AD.T.to(a_AI.device)
    _prove(model, group, linear, (a_AI, b_DA), (ids_BL, mask_BL, reads_BL))
    tensors = {
        f"base_model.model.{name}.lora_A.weight": a_AI.cpu().contiguous(),
        f"base_model.model.{name}.lora_B.weight": b_DA.cpu().contiguous(),
    }
    _write(Path(folder), tensors, [name], len(shift_AD), model.attached.backbone.reference)
    return ExportReceipt(
        folder=Path(folder),
        targets=(name,),
        rank=len(shift_AD),
        num_rows=len(hidden_RI),
        largest_error=error,
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


def _positions(
    model: MemoryModel, prompt_ids: list[list[int]], answer_ids: list[list[int]]
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return ids, attention mask and answer positions [B, L], the latter -1 before the answer."""
    whole = [p + a[:-1] for p, a in zip(prompt_ids, answer_ids, strict=True)]
    ids_BL, mask_BL = pad_right(whole, model.attached.backbone)
    at_BL = torch.full_like(ids_BL, -1)
    for row, (prompt, text) in enumerate(zip(prompt_ids, whole, strict=True)):
        start = len(prompt) - 1
        at_BL[row, start : len(text)] = torch.arange(len(text) - start)
    return ids_BL, mask_BL, at_BL


@contextmanager
def _input_of(linear: nn.Linear) -> Iterator[list[torch.Tensor]]:
    seen: list[torch.Tensor] = []
    handle = linear.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    try:
        yield seen
    finally:
        handle.remove()


def _fit(
    name: str, hidden_RI: torch.Tensor, at_R: torch.Tensor, num_experts: int
) -> tuple[torch.Tensor, float]:
    """Return the smallest A [A, I] with A h = 1 at an expert's own position, and its error."""
    wanted_RA = (at_R[:, None] == torch.arange(num_experts, device=at_R.device)).double()
    inverse_IR = torch.linalg.pinv(hidden_RI.double(), rtol=_RANK_TOLERANCE)
    a_AI = (inverse_IR @ wanted_RA).T.float()
    error = (hidden_RI.float() @ a_AI.T - wanted_RA.float()).abs().max().item()
    if not error <= _TOLERANCE:
        rows, width = hidden_RI.shape
        raise ExportError(
            f"{name} cannot tell the {rows} positions of the prompts and answers apart: its input "
            f"has {width} numbers, and the best fit misses by {error:.1%} (at most "
            f"{_TOLERANCE:.1%} is allowed); give fewer or shorter prompts"
        )
    return a_AI, error


def _prove(
    model: MemoryModel,
    group: int,
    linear: nn.Linear,
    lora: tuple[torch.Tensor, torch.Tensor],
    texts: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
) -> None:
    """Refuse an adapter whose logits at the answers are not the memory's."""
    ids_BL, mask_BL, reads_BL = texts
    starts = reads_BL.int().argmax(1).tolist()
    memory = full_logits(
        model.attached, ids_BL, mask_BL, model.reading([group] * len(ids_BL), starts)
    )
    a_AI, b_DA = lora

    def adapted(module: nn.Module, given: Any, output: torch.Tensor) -> torch.Tensor:
        return output + (given[0].float() @ a_AI.T @ b_DA.T).to(output.dtype)

    handle = linear.register_forward_hook(adapted)
    try:
        adapter = full_logits(model.attached, ids_BL, mask_BL, None)
    finally:
        handle.remove()
    error = (memory - adapter)[reads_BL].abs().max() / memory[reads_BL].abs().max()
    if not error <= _TOLERANCE:
        raise ExportError(
            f"what {_name(model, linear)} puts out is not added to the residual stream as it is: "
            f"the adapter's logits would miss the memory's by {error.item():.1%} of the largest "
            "(a norm follows the MLP, as in Gemma 3); Llama, Mistral, Qwen, Phi-3 and GPT-NeoX "
            "shaped models can be exported"
        )


def _last_linear(mlp: nn.Module) -> nn.Linear:
    linears = [child for child in mlp.children() if isinstance(child, nn.Linear)]
    if not linears:
        raise ExportError(
            f"{type(mlp).__name__} does not end in a linear layer, so no LoRA can stand for an "
            "expert; Llama, Mistral, Qwen, Phi-3 and GPT-NeoX shaped models do"
        )
    return linears[-1]


def _name(model: MemoryModel, linear: nn.Linear) -> str:
    modules = model.attached.backbone.model.named_modules()
    return next(name for name, module in modules if module is linear)


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
