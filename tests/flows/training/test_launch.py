"""The training job: any number of workers write the same experts; what is hopeless ends."""

import hashlib

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.configuration.settings import load_settings
from flows.training.worker_jobs import TrainingJob
from lamini.config import DueTraining, MemoryConfig, RouterConfig, RouterTraining, Tuning
from lamini.errors import NonFiniteLossError

pytestmark = pytest.mark.slow

SHARD_OF_FACT = (0, 0, 0, 0, 1, 3)
"""Four facts, one, none, one: the third of four workers' shards is empty."""
TRAINING = RouterTraining(num_steps=2, batch_facts=4, batch_negatives=2, renderings_per_fact=2)


@pytest.fixture(scope="module")
def fit_with(tmp_path_factory):
    """Trains with so many workers on one local cluster; gives the run's folder."""
    from flows.training import in_process
    from flows.training.launch import cluster, fit

    home = tmp_path_factory.mktemp("home")
    pq.write_table(pa.Table.from_pylist(facts()), home / "assignment.parquet")

    def fitted(num_workers, name, training=TRAINING):
        settings = load_settings({"home": home, "num_workers": num_workers})
        folder = home / name
        job = TrainingJob(
            backbone="embedded",
            memory=MemoryConfig(num_experts=4096),
            router=RouterConfig(num_ngrams=4096, num_cells=8),
            router_training=training,
            tuning=Tuning(prompts_per_fact=2),
            running_text=DueTraining(),
            facts=home / "assignment.parquet",
            negatives=["How long is the river?", "Who invented the violin?"],
            questions=[],
            snapshot_hash="s",
            training_hash="t",
            folder=folder,
        )
        if num_workers == 0:
            in_process.fit(job, use_gpu=False, on_report=lambda *report: None)
        else:
            fit(job, settings=settings, folder=folder, on_report=lambda *report: None)
        return folder

    with cluster(4):
        yield fitted


@pytest.fixture(scope="module")
def alone(fit_with):
    """The folder of one worker."""
    folder = fit_with(1, "with-1")
    assert len(digests(folder / "tuning")) == len(set(SHARD_OF_FACT))
    return folder


def facts():
    return [
        {
            "fact_id": f"fact-{i}",
            "subject": f"Town {i}",
            "relation": "code",
            "names": [],
            "prompts": [f"What is the code of Town {i}?", f"Tell me the code of Town {i}."],
            "answer": f"T{i}{7 * i}",
            "cloze": False,
            "group_index": 5 * i + 1,
            "num_experts": 16,
            "shard_index": shard,
        }
        for i, shard in enumerate(SHARD_OF_FACT)
    ]


def digests(folder):
    files = folder.glob("*.safetensors")
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


# Each worker is a process that imports everything: four are left to torture; of four processes
# that are no workers of Ray, tests/lamini/test_workers.py has it.
@pytest.mark.parametrize("number", [2, pytest.param(4, marks=pytest.mark.torture)])
def test_any_number_of_workers_under_ray_train_writes_the_same_bytes(fit_with, alone, number):
    assert digests(fit_with(number, f"with-{number}") / "tuning") == digests(alone / "tuning")


def test_training_in_this_process_writes_the_bytes_of_one_worker_of_ray_train(fit_with, alone):
    here = fit_with(0, "with-0")
    for room in ("router", "tuning"):
        assert digests(here / room) == digests(alone / room) != {}


def test_a_loss_that_is_not_finite_ends_the_job_at_once_and_names_facts(fit_with):
    hopeless = RouterTraining(num_steps=9, batch_facts=4, learning_rate=1e30)
    with pytest.raises(NonFiniteLossError, match=r"at step \d \(facts fact-\d"):
        fit_with(1, "hopeless", hopeless)
