"""Put prompt keys, values and states on disk, memory-mapped, when they would take too much memory.

The numbers stay the same to the last bit; only where they lie changes. The files have no name, so
the system frees them with the tensors, also after a kill.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch

from lamini.answer_batch import AnswerBatch


def num_bytes(batch: AnswerBatch) -> int:
    """Return the bytes of what can be put on disk."""
    return sum(tensor.numel() * tensor.element_size() for tensor in _large(batch))


def on_disk(batch: AnswerBatch) -> AnswerBatch:
    """Return the same batch with its large tensors in a memory-mapped file."""
    mapped = iter(_mapped([*_large(batch)]))
    cache = tuple((next(mapped), next(mapped)) for _ in batch.cache)
    return replace(batch, cache=cache, state_BAD=next(mapped))


def _large(batch: AnswerBatch) -> Iterator[torch.Tensor]:
    for keys, values in batch.cache:
        yield from (keys, values)
    yield batch.state_BAD


def _mapped(tensors: list[torch.Tensor]) -> list[torch.Tensor]:
    made: list[torch.Tensor] = []
    for tensor in tensors:
        size = tensor.numel() * tensor.element_size()
        if not size or tensor.device.type != "cpu":  # a device has its own memory
            made.append(tensor)
            continue
        with tempfile.TemporaryFile() as file:
            bytes_ = np.memmap(file, dtype=np.uint8, mode="w+", shape=(size,))
        bytes_[:] = tensor.contiguous().view(-1).view(torch.uint8).numpy()
        made.append(torch.from_numpy(bytes_).view(tensor.dtype).view(tensor.shape))
    return made
