"""A job on a chat model learns when values are due, once a run."""

import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.training import in_process
from flows.training.worker_jobs import TrainingJob
from lamini import load
from lamini.backbone.backbone import load_backbone
from lamini.config import DueTraining, MemoryConfig, RouterConfig, RouterTraining, Tuning
from lamini.model.memory_model import MemoryModel
from tests.lamini.conftest import tiny_llama

TEMPLATE = "{% for m in messages %}<{{ m.role }}> {{ m.content }}\n{% endfor %}<assistant>"
LEARNING = DueTraining(subjects_per_relation=3, max_new_tokens=6)


@pytest.fixture(scope="module")
def chat_model(tmp_path_factory):
    folder, tokenizer = tmp_path_factory.mktemp("chat"), load_backbone().tokenizer
    tiny_llama(tokenizer).model.save_pretrained(folder)
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    return str(folder)


def trained(folder, backbone, learning):
    folder.mkdir(exist_ok=True)
    facts = [
        {
            "fact_id": f"fact-{i}",
            "subject": f"Town {i}",
            "relation": "code",
            "names": [],
            "prompts": [f"What is the code of Town {i}?", f"Tell me the code of Town {i}."],
            "answer": f"T{i}{7 * i}",
            "cloze": False,
            "group_index": i,
            "num_experts": 16,
            "shard_index": 0,
        }
        for i in range(4)
    ]
    pq.write_table(pa.Table.from_pylist(facts), folder / "assignment.parquet")
    job = TrainingJob(
        backbone=backbone,
        memory=MemoryConfig(num_experts=4096),
        router=RouterConfig(num_ngrams=4096, num_cells=8),
        router_training=RouterTraining(
            num_steps=1, batch_facts=4, batch_negatives=2, renderings_per_fact=2
        ),
        tuning=Tuning(prompts_per_fact=1, verified_per_fact=0),
        running_text=learning,
        facts=folder / "assignment.parquet",
        negatives=["How long is the river?", "Who invented the violin?"],
        questions=[],
        snapshot_hash="s",
        training_hash="t",
        folder=folder,
    )
    return in_process.fit(job, use_gpu=False, on_report=lambda *report: None)


@pytest.mark.slow
def test_due_keys_are_learned_with_a_chat_model_and_kept_when_a_job_goes_on(
    tmp_path, chat_model, monkeypatch
):
    done = trained(tmp_path / "run", chat_model, LEARNING)
    assert done.learn_due_keys_seconds > 0
    checkpoint = tmp_path / "run" / "checkpoint"
    model = load(checkpoint)
    assert model.due_keys.relations == ("code",)
    assert model.write(["What is the code of Town 1?"], mode="both", max_new_tokens=4)[0].rows
    before = (checkpoint / "due_keys.safetensors").read_bytes()
    shutil.rmtree(checkpoint)  # as a job killed before its checkpoint was whole leaves it

    def never(*_):
        raise AssertionError("learned twice")

    monkeypatch.setattr(MemoryModel, "learn_due_keys", never)
    trained(tmp_path / "run", chat_model, LEARNING)
    assert (checkpoint / "due_keys.safetensors").read_bytes() == before


@pytest.mark.slow
def test_no_due_keys_are_learned_where_none_are_wanted_or_nothing_chats(tmp_path, chat_model):
    unwanted = DueTraining(subjects_per_relation=0)
    for name, backbone, learning in (
        ("unwanted", chat_model, unwanted),
        ("silent", "embedded", LEARNING),
    ):
        trained(tmp_path / name, backbone, learning)
        assert load(tmp_path / name / "checkpoint").due_keys is None
