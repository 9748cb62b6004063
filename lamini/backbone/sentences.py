"""A frozen sentence encoder beside the router's own: it knows words no table of facts has shown.

A fact with one phrasing tells nothing of how else it may be asked. What does is a model that has
read widely: a BERT-like encoder whose mean state is trained to be near for what means the same
(Reimers & Gurevych 2019, arXiv:1908.10084). Its vector stands beside the trained query in one key,
so all that searches, calibrates and updates keys takes it as it is. decisions/0012 has the numbers.

Shape suffixes: B batch   L sequence   D encoder width
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.nn.functional import normalize
from transformers import AutoModel, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import logging

from lamini.backbone.backbone import weights_sha256
from lamini.errors import BackboneError

_BATCH = 64


@dataclass(frozen=True, kw_only=True)
class SentenceEncoder:
    """A frozen encoder with its tokenizer."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase

    @property
    def width(self) -> int:
        return int(self.model.config.hidden_size)

    @torch.no_grad()
    def encode(self, texts: Sequence[str], device: torch.device) -> torch.Tensor:
        """Return the mean states of the texts as unit vectors [B, D], worked out on `device`."""
        model = self.model.to(device)
        # Like lengths together: padding costs.
        order = sorted(range(len(texts)), key=lambda i: (len(texts[i]), i))
        parts = [torch.empty(0, self.width, device=device)]
        for start in range(0, len(order), _BATCH):
            given = self.tokenizer(
                [texts[i] for i in order[start : start + _BATCH]],
                padding=True,
                truncation=True,
                return_tensors="pt",
            ).to(device)
            state_BLD = model(**given).last_hidden_state.float()
            mask_BL1 = given["attention_mask"][..., None]
            parts.append(normalize((state_BLD * mask_BL1).sum(1), dim=-1))
        return torch.cat(parts)[torch.tensor(order, dtype=torch.int64).argsort()]

    def fingerprint(self) -> str:
        """Return a SHA-256 over names and bytes of all weights: which encoder this is."""
        return weights_sha256(self.model)


@functools.lru_cache(maxsize=2)
def load_sentences(reference: str) -> SentenceEncoder:
    """Return the sentence encoder of a folder or model name, frozen, in eval, once a process.

    Raises:
        BackboneError: it cannot be loaded.
    """
    if Path(reference).is_absolute() and not Path(reference).is_dir():
        raise BackboneError(f"no sentence encoder in {reference!r}; give a folder or a model name")
    logging.disable_progress_bar()
    try:
        model = AutoModel.from_pretrained(reference, use_safetensors=True, trust_remote_code=False)
        tokenizer = AutoTokenizer.from_pretrained(reference, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise BackboneError(
            f"cannot load sentence encoder {reference!r}: {str(error).splitlines()[0]}; give a "
            "folder with safetensors weights, or a model name in the local cache"
        ) from error
    finally:
        logging.enable_progress_bar()
    model.requires_grad_(False)
    return SentenceEncoder(model=model.eval(), tokenizer=tokenizer)
