"""Long prompts: what their routing costs, and that it says what routing every window says."""

import pytest
import torch

from lamini.backbone.like_lengths import LIKE_LENGTH_ROWS, like_lengths
from lamini.backbone.memory import pad_left
from lamini.backbone.text import encode_prompt
from lamini.model.loading import load
from lamini.model.windows import best, windows
from lamini.proof.recall import NUMERIC_TOLERANCE
from tests.lamini.conftest import NEGATIVES, built_checkpoint, make_facts

FACTS = make_facts()
PROSE = (
    "It rained.",
    "Two parcels had been left at the door, and nobody knew who had signed for either of them.",
    "Marta wrote to the carrier.",
    "He promised to look into the matter by the end of the week, as soon as the roads were open.",
)
LONG = " ".join([*PROSE * 12, FACTS[2].prompts[0], *PROSE * 8])
SEVERAL = [
    LONG,
    f"{FACTS[4].prompts[0]} {FACTS[1].prompts[0]}",
    f"Hello there.\n{FACTS[3].prompts[1]}",
    " ".join(NEGATIVES[:5]),
]


@pytest.fixture(scope="module")
def model(tokenizer, tmp_path_factory):
    return load(built_checkpoint("llama", tokenizer, tmp_path_factory.mktemp("long")))


def test_batches_of_like_length_hold_every_text_once_and_little_padding():
    lengths = [3, 900, 5, 4, 40, 6, 41, 5, 2000, 3, 39] * 30
    batches = [*like_lengths(lengths, padding=256)]
    assert sorted(i for batch in batches for i in batch) == [*range(len(lengths))]
    assert [lengths[i] for batch in batches for i in batch] == sorted(lengths)
    for batch in batches:
        real = sum(lengths[i] for i in batch)
        places = max(lengths[i] for i in batch) * len(batch)
        assert len(batch) <= LIKE_LENGTH_ROWS
        assert places - real <= max(256, real / 8)


def test_routing_a_long_prompt_runs_about_as_many_tokens_as_it_has(model, monkeypatch):
    ids = encode_prompt(model.tokenizer, LONG)
    ids_1L, mask_1L = pad_left([ids], model.attached.backbone)
    places, trunk = [], model.attached.trunk.forward
    monkeypatch.setattr(
        model.attached.trunk,
        "forward",
        lambda **given: (places.append(given["input_ids"].numel()), trunk(**given))[1],
    )
    model.generate(ids_1L, mask_1L, max_new_tokens=1, do_sample=False)
    assert len(windows(LONG)) > LIKE_LENGTH_ROWS
    # Its sentences, each with a beginning of text; the whole is the prefill's.
    assert sum(places) < 1.5 * len(ids)


def test_every_way_of_asking_takes_the_best_of_the_whole_and_its_sentences(model):
    ids = [encode_prompt(model.tokenizer, prompt) for prompt in SEVERAL]
    alone = [best([model.route_ids([i])[0] for i in windows_of(model, p)]) for p in SEVERAL]
    answers = model.answer(SEVERAL, max_answer_tokens=1)
    ways = (model.route(SEVERAL), model.route_prompts(ids), answers)
    for found in ways:
        for route, wanted in zip(found, alone, strict=True):
            assert route.group == wanted.group
            assert route.score == pytest.approx(wanted.score, abs=NUMERIC_TOLERANCE)
    assert alone[0].group == FACTS[2].group_index
    assert alone[2].group == FACTS[3].group_index


def windows_of(model, prompt):
    return [encode_prompt(model.tokenizer, text) for text in windows(prompt)]


def test_a_long_prompt_that_matches_nothing_gets_the_backbones_own_logits(model):
    prompt = " ".join(PROSE * 4)
    ids_1L = torch.tensor([encode_prompt(model.tokenizer, prompt)])
    assert model.route([prompt])[0].group is None
    assert torch.equal(model(ids_1L, prompt_length=[ids_1L.shape[1]]), model(ids_1L))
