"""Several training workers as real processes of a gloo group, one CPU thread each."""

import dataclasses
import hashlib
from datetime import timedelta

import pytest
import torch
from torch import distributed, multiprocessing

from lamini.backbone.backbone import load_backbone
from lamini.backbone.memory import attach
from lamini.config import RouterTraining
from lamini.recorder import SilentRecorder
from lamini.router.training import pretrain_router
from lamini.tuning.memory_tuning import tune_memory
from lamini.workers import Worker, fix_arithmetic

from .conftest import GEOMETRY, NEGATIVES, ROUTER, TUNING, make_facts, tiny_llama

SHARD_OF_FACT = (0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 3)
"""Eight facts, one, none, two: shard 2 is empty, so the last of four workers has nothing to do."""
ROUTER_TRAINING = RouterTraining(num_steps=6, batch_facts=6, batch_negatives=8, save_every_steps=3)
BESIDE = dataclasses.replace(ROUTER, last_state_share=0.3)
WAIT = timedelta(seconds=240)
"""What hangs for so long fails."""


def uneven_facts():
    facts = make_facts()
    return [
        dataclasses.replace(
            facts[i % len(facts)], fact_id=f"fact-{i}", group_index=5 * i + 1, shard_index=shard
        )
        for i, shard in enumerate(SHARD_OF_FACT)
    ]


def train(folder, worker):
    """Pretrain the router and tune memory as one of the workers; give what it logged."""
    fix_arithmetic()
    attached = attach(tiny_llama(load_backbone().tokenizer), GEOMETRY)
    facts, recorder = uneven_facts(), SilentRecorder()
    pretrain_router(
        attached, facts, NEGATIVES, BESIDE, ROUTER_TRAINING, folder / "router", recorder, worker
    )
    tune_memory(attached, facts, TUNING, folder / "tuning", recorder, worker)
    return recorder.history


def be_worker(rank, world_size, folder):
    store = f"file://{folder}/meeting"
    distributed.init_process_group("gloo", store, WAIT, world_size, rank)
    worker = Worker(rank=rank, world_size=world_size)
    history = train(folder, worker)
    sums = worker.gather(torch.tensor([[len(history), history[-1][1]["facts_memorized"]]]))
    assert len(set(map(tuple, sums.tolist()))) == 1  # all report at the same points
    assert worker.others(torch.full((rank, 2), float(rank))).unique().tolist() == [
        float(other) for other in range(1, world_size) if other != rank
    ]
    distributed.destroy_process_group()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Trains with so many workers, once in each folder named."""

    def with_workers(world_size, name=""):
        folder = tmp_path_factory.getbasetemp() / f"workers-{world_size}{name}"
        if not folder.exists():
            folder.mkdir()
            if world_size == 1:
                train(folder, Worker())
            else:
                # Not forked: this process may hold other tests' threads, with which forks died.
                multiprocessing.spawn(be_worker, (world_size, folder), nprocs=world_size)
        return folder

    return with_workers


def digests(folder, pattern):
    found = {path.name: hashlib.sha256(path.read_bytes()) for path in folder.glob(pattern)}
    return {name: digest.hexdigest() for name, digest in found.items()}


@pytest.mark.slow
@pytest.mark.parametrize("world_size", [2, 4])
def test_any_number_of_workers_gives_byte_identical_experts(trained, world_size):
    alone = digests(trained(1), "tuning/*")
    assert len([name for name in alone if name.endswith(".safetensors")]) == 3
    assert digests(trained(world_size), "tuning/*") == alone


@pytest.mark.slow
def test_the_router_is_the_same_again_with_the_same_number_of_workers_only(trained):
    alone, two, four = (digests(trained(n), "router/router.safetensors") for n in (1, 2, 4))
    assert digests(trained(2, "-again"), "router/router.safetensors") == two
    assert len({digest for found in (alone, two, four) for digest in found.values()}) == 3
