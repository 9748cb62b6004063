import os
import random
import sys
import time

import pytest

from tests.flows.whole_runs.conftest import trained
from tests.torture.reading import readers

__all__ = ["trained"]


@pytest.fixture
def rng():
    """Draws the moments; a failure shows the seed that draws the same ones again."""
    seed = int(os.environ.get("TORTURE_SEED") or time.time_ns() % 1_000_000)
    sys.stdout.write(f"TORTURE_SEED={seed}\n")
    return random.Random(seed)


@pytest.fixture
def reading():
    """Has readers look at a home's head without pause, for as long as the `with` lasts."""
    return readers
