"""Apply a function to every part of a table as Ray tasks; results may stay where they were made."""

from collections.abc import Callable, Iterable
from typing import Any

import ray


def each_on_ray(
    function: Callable[[Any], Any], items: Iterable[Any], *, keep: bool = False
) -> list[Any]:
    """Return the results in order; with `keep`, as references that later calls take as items."""
    shared = ray.put(function)  # once, not with every task
    references = [_apply.remote(shared, item) for item in items]
    return references if keep else ray.get(references)


@ray.remote  # type: ignore[untyped-decorator]
def _apply(function: Callable[[Any], Any], item: Any) -> Any:
    return function(item)
