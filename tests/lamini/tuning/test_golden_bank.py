"""The bank that a small tuning gives, in numbers; whoever moves them on purpose, moves these."""

import pytest
import torch

from lamini.backbone.memory import attach
from lamini.recorder import SilentRecorder
from lamini.tuning.memory_tuning import tune_memory
from tests.lamini.conftest import GEOMETRY, TUNING, make_facts, tiny_llama

NORMS = (29.6662889, 35.3926115, 35.2349157, 48.1917152, 37.1354003, 41.6238459)


@pytest.mark.slow
def test_a_small_tuning_gives_these_experts(tokenizer, tmp_path):
    attached = attach(tiny_llama(tokenizer), GEOMETRY)
    results = tune_memory(attached, make_facts(), TUNING, tmp_path, SilentRecorder())
    found = [
        torch.linalg.vector_norm(weight.double()).item()
        for result in results
        for weight in result.weights
    ]
    # To four digits: the last bits are the processor's.
    assert found == pytest.approx(NORMS, rel=1e-4)
