import dataclasses

import pytest
import torch
from transformers import (
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Phi3Config,
    Phi3ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from lamini.backbone.backbone import freeze, load_backbone
from lamini.backbone.memory import attach
from lamini.checkpoint.checkpoint import build_checkpoint
from lamini.config import MemoryConfig, RouterConfig, RouterTraining, Tuning
from lamini.inline.due_keys import DueKeys
from lamini.recorder import SilentRecorder
from lamini.router.training import pretrain_router
from lamini.training_data import TrainingFact
from lamini.tuning.memory_tuning import ShardResult, save_shard, tune_memory

GEOMETRY = MemoryConfig(num_experts=64 * 8, group_size=8)
ROUTER = RouterConfig(num_queries=4, head_dim=16, key_dim=64, num_ngrams=4096, num_cells=8)


@pytest.fixture(autouse=True)
def _fixed_arithmetic():
    torch.manual_seed(0)
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tokenizer():
    return load_backbone().tokenizer


def tiny_llama(tokenizer, num_layers: int = 3):
    """A random Llama with head rows of one length: else some token could never win."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=num_layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=2,
        tie_word_embeddings=False,
    )
    model = LlamaForCausalLM(config)
    head = torch.nn.functional.normalize(torch.randn(len(tokenizer), 32), dim=-1)
    model.lm_head.weight.data.copy_(6 * head)
    torch.nn.init.normal_(model.model.embed_tokens.weight, std=1.0)
    return freeze(model, tokenizer, "tiny")


@pytest.fixture
def backbone(tokenizer):
    return tiny_llama(tokenizer)


def tiny_models(vocab):
    small = {
        "vocab_size": vocab,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "bos_token_id": 0,
        "eos_token_id": 1,
        "pad_token_id": 2,
        # As large as in a trained model: else all that an MLP says is hardly above rounding.
        "initializer_range": 0.2,
    }
    grouped = {**small, "num_key_value_heads": 2}
    return {
        "mistral": lambda: MistralForCausalLM(MistralConfig(**grouped)),
        "qwen3": lambda: Qwen3ForCausalLM(Qwen3Config(**grouped, head_dim=8)),
        "gemma3": lambda: Gemma3ForCausalLM(Gemma3TextConfig(**grouped, head_dim=8)),
        "phi3": lambda: Phi3ForCausalLM(Phi3Config(**grouped)),
        "gpt_neox": lambda: GPTNeoXForCausalLM(GPTNeoXConfig(**small)),
    }


ARCHITECTURES = ("llama", "mistral", "qwen3", "gemma3", "phi3", "gpt_neox")


def tiny_backbone(name, tokenizer):
    """A random frozen backbone of the named architecture, always the same one."""
    if name == "llama":
        return tiny_llama(tokenizer)
    torch.manual_seed(0)
    return freeze(tiny_models(len(tokenizer))[name](), tokenizer, name)


@pytest.fixture(params=ARCHITECTURES)
def any_attached(request, tokenizer):
    return attach(tiny_backbone(request.param, tokenizer), GEOMETRY)


# No answer has a token twice: a random trunk hardly tells its two places apart.
CITIES = (
    ("Arvia", "Norgate"),
    ("Belport", "Tamsin Bay"),
    ("Corvane", "07-29"),
    ("Dalmere", "Åsbo"),
    ("Elstow", "QX"),
    ("Farnholm", "Kilo; Lima"),
)


def make_facts(num_shards: int = 2) -> list[TrainingFact]:
    templates = (
        "What is the seat of {}?",
        "Tell me the seat of {}.",
        "{} has its seat in which town?",
        "seat of {}",
        "Which town is the seat of {}?",
        "The province {} is governed from where?",
    )
    return [
        TrainingFact(
            fact_id=f"fact-{i}",
            subject=subject,
            prompts=tuple(t.format(subject) for t in templates),
            answer=answer,
            cloze=False,
            group_index=3 * i + 1,
            num_experts=8,
            shard_index=i % num_shards,
        )
        for i, (subject, answer) in enumerate(CITIES)
    ]


def added_fact() -> TrainingFact:
    """A seventh fact, about a subject that no other is about."""
    like = make_facts()[0]
    return dataclasses.replace(
        like,
        fact_id="fact-new",
        subject="Quillon",
        prompts=tuple(prompt.replace(like.subject, "Quillon") for prompt in like.prompts),
        answer="Old Harbour",
        group_index=40,
    )


NEGATIVES = [
    f"{verb} {thing}"
    for verb in ("How long is", "Who invented", "Where can I buy", "What does it cost to paint")
    for thing in ("a bicycle?", "the river?", "a loaf of bread?", "the violin?", "a lighthouse?")
]
TUNING = Tuning()
TRAINING = RouterTraining(num_steps=12, batch_facts=6, batch_negatives=8, save_every_steps=5)

GROUPS = tuple(fact.group_index for fact in make_facts())


def assemble(folder, backbone, facts):
    """Make `folder`/checkpoint of the router and the shards that lie beside it."""
    build_checkpoint(
        folder / "checkpoint",
        backbone=backbone,
        memory=GEOMETRY,
        hidden_size=32,
        facts=facts,
        router_folder=folder / "router",
        tuning_folder=folder / "tuning",
        snapshot_hash="s",
        training_hash="t",
    )


def built_checkpoint(name, tokenizer, folder, num_steps=40, dtype=torch.float32):
    """A checkpoint with random experts on a saved backbone of the named architecture."""
    tiny_backbone(name, tokenizer).model.save_pretrained(folder / "backbone")
    tokenizer.save_pretrained(folder / "backbone")
    facts = make_facts(num_shards=1)
    attached = attach(load_backbone(str(folder / "backbone"), dtype=dtype), GEOMETRY)
    config = dataclasses.replace(TRAINING, num_steps=num_steps)
    pretrain_router(attached, facts, NEGATIVES, ROUTER, config, folder / "router", SilentRecorder())
    random = torch.Generator().manual_seed(7)
    weights = tuple(10 * torch.randn(len(facts), 8, 32, generator=random))
    save_shard(
        folder / "tuning",
        ShardResult(
            shard_index=0,
            fact_ids=tuple(fact.fact_id for fact in facts),
            training_hashes=tuple(fact.training_hash() for fact in facts),
            settings="",
            weights=weights,
            num_positions=0,
            loss_by_step=(0.0,),
            undecided=(),
            reasons=(),
        ),
    )
    assemble(folder, attached.backbone, facts)
    return folder / "checkpoint"


SEATS = [dataclasses.replace(fact, relation="seat") for fact in make_facts(1)[:3]]


def built_running(top, tokenizer):
    """A checkpoint of `SEATS`, tuned, with a due key that fires at every other place or so."""
    torch.manual_seed(0)
    tiny_llama(tokenizer).model.save_pretrained(top / "backbone")
    tokenizer.save_pretrained(top / "backbone")
    attached = attach(load_backbone(str(top / "backbone")), GEOMETRY)
    once = dataclasses.replace(TRAINING, num_steps=1)
    recorder = SilentRecorder()
    pretrain_router(attached, SEATS, NEGATIVES, ROUTER, once, top / "router", recorder)
    (result,) = tune_memory(attached, SEATS, TUNING, top / "tuning", recorder)
    assert not result.undecided
    assemble(top, attached.backbone, SEATS)
    key_FR = torch.randn(65, 1, generator=torch.Generator().manual_seed(1))
    keys = DueKeys(relations=("seat",), key_FR=key_FR, threshold_R=torch.zeros(1))
    keys.save(top / "checkpoint")
    return top / "checkpoint"
