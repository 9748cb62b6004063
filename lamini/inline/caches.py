"""Key/value caches that can go back: nothing is copied, since a growing cache replaces its tensors.

Holds for the dynamic caches of transformers, with sliding windows or without.
"""

import copy

from transformers import DynamicCache
from transformers.cache_utils import DynamicSlidingWindowLayer


def kept(cache: DynamicCache) -> DynamicCache:
    """Return the cache as it is now, whatever is appended to the given one afterwards."""
    same = copy.copy(cache)
    same.layers = [copy.copy(layer) for layer in cache.layers]
    return same


def shortened(cache: DynamicCache, num_tokens: int) -> DynamicCache | None:
    """Return it without its last tokens; None where a sliding window has dropped earlier ones."""
    same = kept(cache)
    for layer in same.layers:
        if layer.keys.shape[-2] < cache.get_seq_length():
            return None
        layer.keys = layer.keys[..., :-num_tokens, :]
        layer.values = layer.values[..., :-num_tokens, :]
        if isinstance(layer, DynamicSlidingWindowLayer):
            layer.cumulative_length -= num_tokens
    return same
