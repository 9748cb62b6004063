"""Batches of texts of like length: a padded place costs as much as a token."""

from collections.abc import Iterator, Sequence

LIKE_LENGTH_ROWS = 64
"""Texts that are run as one batch."""
_PADDED_SHARE = 1 / 8


def like_lengths(lengths: Sequence[int], *, padding: int) -> Iterator[list[int]]:
    """Yield the places of texts of these lengths batch by batch, the shortest first.

    A batch ends where it is full, or where it would hold more than an eighth of its tokens, and
    more than `padding`, in padded places: so many cost about as much as another batch.
    """
    batch: list[int] = []
    tokens = 0
    for place in sorted(range(len(lengths)), key=lambda i: (lengths[i], i)):
        width = lengths[place]
        padded = width * len(batch) - tokens
        too_many = padded > max(padding, tokens * _PADDED_SHARE)
        if len(batch) == LIKE_LENGTH_ROWS or too_many:
            yield batch
            batch, tokens = [], 0
        batch.append(place)
        tokens += width
    if batch:
        yield batch
