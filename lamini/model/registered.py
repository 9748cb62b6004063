"""A checkpoint as a transformers model: `AutoModelForCausalLM.from_pretrained(folder)`.

After `import lamini` (see `lamini.registering`) it works as for any model that transformers knows,
without `trust_remote_code`. The class wraps `MemoryModel`, which stays the one implementation.

Shape suffixes: B batch   L sequence   V vocabulary
"""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoModelForCausalLM, GenerationMixin, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutput

from lamini.errors import CheckpointError
from lamini.registered_config import MemoryTunedConfig, config_of

if TYPE_CHECKING:
    from lamini.model.memory_model import MemoryModel


class MemoryTunedForCausalLM(PreTrainedModel, GenerationMixin):  # type: ignore[misc]
    """A frozen backbone that reads memory: `generate` routes each prompt, `forward` when told."""

    config_class = MemoryTunedConfig
    base_model_prefix = "backbone"
    _supports_sdpa = _supports_flash_attn = _supports_flex_attn = True

    def __init__(self, config: MemoryTunedConfig, memory: "MemoryModel | None" = None) -> None:
        if memory is None:
            raise CheckpointError(
                "a memory-tuned model is made from a checkpoint folder, not from a config; "
                "use AutoModelForCausalLM.from_pretrained(folder)"
            )
        super().__init__(config)
        self.memory = memory
        # A plain submodule, so that device, dtype, to() and parameters() mean the backbone's.
        self.backbone = memory.attached.backbone.model
        self.generation_config = self.backbone.generation_config

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: Path | str,
        *,
        backbone: Any = None,
        dtype: torch.dtype | str | None = None,
        device_map: Any = None,
        output_loading_info: bool = False,
        **options: Any,
    ) -> Any:
        """Return the model of a checkpoint folder; `backbone` and `dtype` as `lamini.load` has it.

        Raises:
            CheckpointError: as `lamini.load`, or an option was given that means nothing here.
        """
        from lamini.model.loading import load

        unknown = sorted(name for name in options if name not in _IGNORED and options[name])
        if unknown or device_map is not None or output_loading_info:
            raise CheckpointError(
                f"a checkpoint does not load with {', '.join(unknown) or 'device_map'}; load the "
                "backbone as you want it with load_backbone() or freeze() and give it as backbone="
            )
        memory = load(pretrained_model_name_or_path, backbone=backbone, dtype=dtype_of(dtype))
        bare = memory.attached.backbone.model.config
        config = config_of(bare, memory.manifest["backbone"]["reference"])
        config.name_or_path = str(pretrained_model_name_or_path)
        config.dtype = memory.attached.backbone.model.dtype
        return cls(config, memory).eval()

    def save_pretrained(
        self, save_directory: Path | str, *, is_main_process: bool = True, **options: Any
    ) -> None:
        """Copy the checkpoint whole, so that it loads again; the weights are the folder's own.

        Raises:
            CheckpointError: a state_dict or an upload was asked for.
        """
        refused = sorted(name for name in ("state_dict", "push_to_hub") if options.get(name))
        if refused:
            raise CheckpointError(
                f"save_pretrained cannot {', '.join(refused)}: it copies the checkpoint as it was "
                "loaded; the backbone is saved by its own save_pretrained"
            )
        if is_main_process:
            copy_checkpoint(self.memory.bank.folder.parent, Path(save_directory))

    def can_generate(self) -> bool:
        return True

    def get_input_embeddings(self) -> Any:
        return self.backbone.get_input_embeddings()

    def get_output_embeddings(self) -> Any:
        return self.backbone.get_output_embeddings()

    @torch.no_grad()
    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        prompt_length: Any = None,
    ) -> CausalLMOutput:
        """Return logits [B, L, V] of right-padded ids, and the loss where `labels` are given.

        The prompt ends at `prompt_length`, or where a row's labels begin (-100 before); without
        both it is the bare backbone. Nothing in it learns: no gradient is recorded.
        """
        if prompt_length is None and labels is not None:
            prompt_length = label_starts(labels, attention_mask)
        if isinstance(prompt_length, torch.Tensor):
            prompt_length = prompt_length.tolist()
        logits = self.memory.forward(input_ids, attention_mask, prompt_length=prompt_length)
        loss = None
        if labels is not None:
            loss = self.loss_function(logits, labels, vocab_size=logits.shape[-1])
        return CausalLMOutput(loss=loss, logits=logits)

    @torch.no_grad()
    def generate(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        *,
        inputs: torch.Tensor | None = None,
        **options: Any,
    ) -> Any:
        """Return what transformers' `generate` does, with each (left-padded) prompt's memory read.

        `question` and `groups` are `MemoryModel.generate`'s; other options go to transformers.

        Raises:
            ValueError: no prompt was given, or prompts padded at their end.
        """
        ids = input_ids if input_ids is not None else inputs
        if ids is None:
            raise ValueError("generate needs input_ids: memory is read for a prompt")
        if attention_mask is not None and not attention_mask[:, -1].all():
            raise ValueError(
                "a prompt ends in padding, but memory begins at its last token; "
                "pad at the start: tokenizer.padding_side = 'left'"
            )
        return self.memory.generate(ids, attention_mask, **options)


_IGNORED = {
    # What the auto classes hand to every model, and what makes no difference to a local folder.
    *("_from_auto", "adapter_kwargs", "trust_remote_code", "revision", "config", "token"),
    *("local_files_only", "use_safetensors", "low_cpu_mem_usage", "cache_dir", "force_download"),
}


def dtype_of(dtype: torch.dtype | str | None) -> torch.dtype | None:
    """Return the dtype that is meant; None for "auto": the one that memory was tuned in.

    Raises:
        CheckpointError: torch has no such dtype.
    """
    if isinstance(dtype, str):
        found = None if dtype == "auto" else getattr(torch, dtype, dtype)
        if isinstance(found, str):
            raise CheckpointError(f"no dtype {dtype!r} in torch; try 'float32' or 'bfloat16'")
        return found
    return dtype


def label_starts(labels_BL: torch.Tensor, mask_BL: torch.Tensor | None) -> list[int]:
    """Return where each row's labels begin: its prompt's length. A row without any is all prompt.

    Raises:
        ValueError: a row's labels begin with its first token, so that it has no prompt.
    """
    labelled_BL = labels_BL != -100
    lengths_B = labelled_BL.new_full((len(labels_BL),), labels_BL.shape[1], dtype=torch.int64)
    if mask_BL is not None:
        lengths_B = mask_BL.sum(1)
    starts = torch.where(labelled_BL.any(1), labelled_BL.int().argmax(1), lengths_B).tolist()
    if 0 in starts:
        raise ValueError(
            f"row {starts.index(0)} has a label on its first token, so no prompt to route; "
            "set the prompt's labels to -100, or give prompt_length"
        )
    return starts


def copy_checkpoint(source: Path, target: Path) -> None:
    """Copy a checkpoint folder; what was at `target` before is there until the copy is whole."""
    if target.exists() and source.samefile(target):
        return
    from lamini.checkpoint.checkpoint import put_in_place

    staging = target.with_name(f".{target.name}.staging")
    shutil.rmtree(staging, ignore_errors=True)
    shutil.copytree(source, staging)
    put_in_place(staging, target)


AutoModelForCausalLM.register(MemoryTunedConfig, MemoryTunedForCausalLM, exist_ok=True)
