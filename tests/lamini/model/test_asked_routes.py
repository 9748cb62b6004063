"""A checkpoint of facts with subject and relation: asked in people's words, and as facts change."""

import dataclasses
import random

import pytest

from lamini.backbone.memory import pad_left
from lamini.backbone.text import encode_prompt
from lamini.model.loading import load
from tests.lamini.conftest import assemble, built_checkpoint, make_facts

ASKED = [
    "town where Arvia is governed from?",
    "belports seat",
    "hi, what's the seat of Corvane",
    "which town is dalmeres seat",
]
FOREIGN = [
    "population of Arvia",
    "what is the seat of Umbria",
    "translate seat of Arvia into french",
    "hello",
]


def told(facts):
    """The facts with what they tell of their subjects."""
    return [dataclasses.replace(fact, relation="seat") for fact in facts]


@pytest.fixture(scope="module")
def checkpoint(tokenizer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("told")
    built_checkpoint("llama", tokenizer, folder)
    backbone = load(folder / "checkpoint").attached.backbone
    assemble(folder, backbone, told(make_facts(num_shards=1)))
    return folder / "checkpoint"


@pytest.fixture
def model(checkpoint):
    return load(checkpoint)


def test_a_loaded_checkpoint_is_asked_in_peoples_words(model):
    groups = [route.group for route in model.route(ASKED)]
    assert groups == [fact.group_index for fact in make_facts()[:4]]
    assert [route.group for route in model.route(FOREIGN)] == [None] * len(FOREIGN)


def test_an_answer_says_its_probability_or_why_there_is_none(model):
    found, refused = model.answer([ASKED[1], FOREIGN[1]], max_answer_tokens=2)
    assert found.from_memory
    assert found.score >= 0.5
    assert found.reason == ""
    assert not refused.from_memory
    assert refused.reason


def test_i5_routes_are_the_same_alone_and_in_any_batch(model):
    prompts = [*ASKED, *FOREIGN, *(p for fact in make_facts() for p in fact.prompts)]
    alone = {prompt: model.route([prompt])[0] for prompt in prompts}
    for seed in range(3):
        batch = random.Random(seed).sample(prompts, len(prompts))
        assert model.route(batch) == [alone[prompt] for prompt in batch]
    ids = [encode_prompt(model.tokenizer, prompt, cloze=False) for prompt in prompts]
    assert [r.group for r in model.route_prompts(ids)] == [alone[p].group for p in prompts]


def test_generate_reads_what_route_says(model, monkeypatch):
    read, reading = [], model.reading
    monkeypatch.setattr(model, "reading", lambda g, m: (read.append(list(g)), reading(g, m))[1])
    ids = [encode_prompt(model.tokenizer, p, cloze=False) for p in (*ASKED, *FOREIGN)]
    input_ids, mask = pad_left(ids, model.attached.backbone)
    model.generate(input_ids, mask, max_new_tokens=1)
    assert read == [[route.group for route in model.route([*ASKED, *FOREIGN])]]


def test_strict_reads_only_what_is_surer(checkpoint):
    model = load(checkpoint, strict=True)
    assert all(r.group is None or r.score >= 0.9 for r in model.route([*ASKED, *FOREIGN]))


def test_an_update_brings_and_takes_names_without_training(model, tokenizer, tmp_path):
    facts = told(make_facts(num_shards=1))
    gone = facts[0]
    table, silent = model.table, model.silent
    left = table.without({gone.fact_id})
    retired = table.rows([table.row_of(gone.group_index)]).silenced(0)
    with model.keyed(left, retired):
        assert model.route([ASKED[0]])[0].group is None
        assert model.route([ASKED[1]])[0].group == facts[1].group_index
    with model.keyed(table, silent):
        assert model.route([ASKED[0]])[0].group == gone.group_index


def test_facts_without_a_relation_stay_with_the_nearest_key(tokenizer, tmp_path):
    folder = built_checkpoint("llama", tokenizer, tmp_path)
    plain = make_facts(num_shards=1)
    mixed = [*told(plain[:3]), *plain[3:]]
    assemble(tmp_path, load(folder).attached.backbone, mixed)
    model = load(folder)
    assert model.route([ASKED[1]])[0].group == plain[1].group_index
    assert model.route([plain[4].prompts[0]])[0].group == plain[4].group_index


@pytest.fixture
def doubtful(model):
    """Words decide nothing here but what the table declares: all else is equally doubtful."""
    weights = model.router.acceptance
    undecided = dataclasses.replace(weights, weight=weights.weight * 0, bias=-1.0)
    model.router = dataclasses.replace(model.router, acceptance=undecided)
    model.reopen(model.manifest)
    return model


def test_in_doubt_a_fact_is_read_where_the_nearest_key_names_it_as_well(doubtful):
    asked = [prompt.rstrip("?") + " there?" for fact in make_facts() for prompt in fact.prompts]
    doubts = [prompt for prompt in asked if doubtful.asked.ask(prompt).is_doubtful]
    ids = [encode_prompt(doubtful.tokenizer, prompt, cloze=False) for prompt in doubts]
    keys = [route.group for route in doubtful.routing.nearest(ids)]
    candidates = [doubtful.asked.route(prompt).candidate for prompt in doubts]
    read = [route.group for route in doubtful.route(doubts)]
    assert read == [key if key == c else None for key, c in zip(keys, candidates, strict=True)]
    assert any(group is not None for group in read)
    assert [route.group for route in doubtful.route_prompts(ids)] == read


def test_a_key_alone_reads_no_fact_that_words_can_name(doubtful):
    prompts = [f"Ignore this: {fact.prompts[0]} Translate it." for fact in make_facts()]
    assert [route.group for route in doubtful.route(prompts)] == [None] * len(prompts)


def test_strict_leaves_a_doubt_refused(doubtful):
    asked = [prompt.rstrip("?") + " there?" for fact in make_facts() for prompt in fact.prompts]
    strict = doubtful.answer(asked, max_answer_tokens=1, refusal="", strict=True)
    assert all(
        not a.from_memory
        for a, p in zip(strict, asked, strict=True)
        if doubtful.asked.ask(p).is_doubtful
    )


def test_nothing_is_kept_of_a_long_prompt(model):
    long = f"{'It is said of old and of late that it rained and ' * 20}what is the seat of Arvia"
    encoder = model.asked.matcher.evidence.encoder
    known = len(encoder._known)
    first, again = (model.route([f"{long}{end}"])[0] for end in ("?", "?"))
    assert first == again
    assert model.asked._known == {}
    assert all(len(text) <= 500 for text in [*encoder._known][known:])
    model.route([ASKED[0]])
    assert [*model.asked._known] == [ASKED[0]]
