"""I10: outside spans a text is the backbone's own, bit for bit; a span is the table's value."""

from collections import defaultdict
from contextlib import contextmanager
from itertools import pairwise

import pytest
import torch
from transformers import DynamicCache

from lamini.asked.asking import QuestionMatcher
from lamini.asked.table import AskedFact
from lamini.backbone.backbone import freeze
from lamini.backbone.memory import attach
from lamini.backbone.text import encode_answer, encode_prompt
from lamini.inline.arming import Arming
from lamini.inline.caches import kept, shortened
from lamini.inline.due_keys import DueKeys
from lamini.inline.writing import Choice, Gate, Value, Writer
from tests.lamini.conftest import ARCHITECTURES, CITIES, GEOMETRY, tiny_backbone

PROMPT = "Tell me about Arvia and Belport."
NUM_TOKENS = 24


@pytest.fixture(scope="module")
def arming():
    facts = [AskedFact(subject, "seat", (), ("What is the seat of X?",)) for subject, _ in CITIES]
    return Arming(QuestionMatcher(facts))


def bare(name, tokenizer, dtype=torch.float32):
    backbone = tiny_backbone(name, tokenizer)
    return freeze(backbone.model.to(dtype), tokenizer, name)


def values(attached):
    """Values whose experts say nothing: each token is decided where it stands."""
    size = attached.hidden_size

    def value_of(row):
        text = CITIES[row][1]
        ids = encode_answer(attached.backbone.tokenizer, text)[:-1]
        return Value(fact=row, text=text, ids=tuple(ids), shift_AD=torch.zeros(len(ids), size))

    return value_of


def gate_of(attached, arming, threshold):
    key_FR = torch.randn(2 * attached.hidden_size + 1, 1)
    key_FR[-1] = 0
    keys = DueKeys(relations=("seat",), key_FR=key_FR, threshold_R=torch.tensor([threshold]))
    return Gate(arming, keys, values(attached))


@contextmanager
def recorded(model):
    """Keep the logits of all calls by the length of the text, those taken back among them."""
    seen = defaultdict(list)

    def note(module, given, named, out):
        if cache := named.get("past_key_values"):  # else it is the head alone
            seen[cache.get_seq_length()].append(out.logits[0, -1].clone())

    handle = model.register_forward_hook(note, with_kwargs=True)
    yield seen
    handle.remove()


@torch.no_grad()
def step_by_step(model, prompt, ids):
    """Return the bare model's logits by the length of the text."""
    cache, logits = DynamicCache(config=model.config), {}
    for more in ([*prompt], *([i] for i in ids)):
        out = model(
            input_ids=torch.tensor([more]), past_key_values=cache, use_cache=True, logits_to_keep=1
        )
        logits[cache.get_seq_length()] = out.logits[0, -1]
    return logits


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["fp32", "bf16"])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_i10_logits_are_the_backbones_own_on_the_same_text_bit_for_bit(
    name, dtype, tokenizer, arming
):
    attached = attach(bare(name, tokenizer, dtype), GEOMETRY)
    prompt = encode_prompt(tokenizer, PROMPT)
    writer = Writer(attached, gate_of(attached, arming, threshold=0.5))
    with recorded(attached.backbone.model) as seen:
        written = writer.write(prompt, PROMPT, max_new_tokens=NUM_TOKENS)
    assert written.spans
    own = step_by_step(bare(name, tokenizer, dtype).model, prompt, written.ids)
    assert seen.keys() == own.keys()
    assert all(any(torch.equal(one, own[at]) for one in seen[at]) for at in own)
    inside = {i for first, last in written.from_memory for i in range(first, last)}
    after = {last for _, last in written.from_memory}
    for i in {*range(len(written.ids))} - inside - after:
        assert written.ids[i] == int(own[len(prompt) + i].argmax())


@pytest.mark.parametrize("temperature", [0.0, 1.0, 5.0])
def test_a_span_is_the_tables_value_whatever_the_temperature(temperature, tokenizer, arming):
    attached = attach(bare("llama", tokenizer), GEOMETRY)
    writer = Writer(attached, gate_of(attached, arming, threshold=0.5))
    said = []
    for seed in range(4):
        choice = Choice(temperature=temperature, seed=seed)
        written = writer.write(
            encode_prompt(tokenizer, PROMPT), PROMPT, max_new_tokens=NUM_TOKENS, choice=choice
        )
        for span in written.spans:
            assert written.text[span.start : span.end] == CITIES[span.fact][1]
            assert span.instead_of
            said.append(span.fact)
    assert {0, 1} <= {*said}  # both subjects that stand together, in turn


def test_what_is_shown_of_a_text_that_is_being_written_is_never_taken_back(
    tokenizer, arming, monkeypatch
):
    attached = attach(bare("llama", tokenizer), GEOMETRY)
    gate = gate_of(attached, arming, threshold=1.0)
    gate.keys.key_FR[:] = 0
    gate.keys.key_FR[-1] = 0.8  # due nowhere, likely enough for a sentence that lacks its value
    said = tokenizer.encode(" The seat of Arvia is far away. It rains there.")[1:]
    own = iter([*said, tokenizer.eos_token_id])
    monkeypatch.setattr(Writer, "_chosen", lambda *_: next(own))
    steps = [
        *Writer(attached, gate).stream(
            encode_prompt(tokenizer, PROMPT), PROMPT, max_new_tokens=NUM_TOKENS
        )
    ]
    whole = steps[-1]
    assert whole.spans
    assert whole.finish_reason == "stop"
    assert [step.finish_reason for step in steps[:-1]] == [None] * (len(steps) - 1)
    assert any(not later.text.startswith(one.text) for one, later in pairwise(steps))
    shown = [step.text[: step.num_standing] for step in steps]
    assert all(later.startswith(one) for one, later in pairwise(shown))
    assert shown[-1] == whole.text


def test_a_text_that_names_no_subject_is_what_the_backbone_generates(tokenizer, arming):
    attached = attach(bare("llama", tokenizer), GEOMETRY)
    gate = gate_of(attached, arming, threshold=-100.0)  # due everywhere
    prompt = encode_prompt(tokenizer, "Tell me about rain.")
    with recorded(attached.backbone.model) as seen:
        written = Writer(attached, gate).write(prompt, "Tell me about rain.", max_new_tokens=12)
    own = bare("llama", tokenizer).model.generate(
        input_ids=torch.tensor([prompt]), max_new_tokens=12, do_sample=False
    )
    assert list(written.ids) == own[0, len(prompt) :].tolist()
    assert written.num_taken_back == 0
    assert sum(map(len, seen.values())) == 13


def test_fiction_that_names_a_subject_holds_no_span(tokenizer, arming):
    attached = attach(bare("llama", tokenizer), GEOMETRY)
    prompt = "In my novel, what is the seat of Arvia?"
    gate = gate_of(attached, arming, threshold=-100.0)
    written = Writer(attached, gate).write(
        encode_prompt(tokenizer, prompt), prompt, max_new_tokens=8
    )
    assert not written.spans


@torch.no_grad()
def test_a_cache_goes_back_without_a_trace_and_not_past_a_sliding_window(tokenizer):
    model = bare("mistral", tokenizer).model
    model.config.sliding_window = 8
    cache = DynamicCache(config=model.config)
    model(input_ids=torch.tensor([[5, 6, 7]]), past_key_values=cache, use_cache=True)
    before = kept(cache)
    model(input_ids=torch.tensor([[9, 4]]), past_key_values=cache, use_cache=True)
    again = shortened(cache, 2)
    assert cache.get_seq_length() == 5
    for back in (before, again):
        assert back.get_seq_length() == 3
        for old, new in zip(before.layers, back.layers, strict=True):
            assert torch.equal(old.keys, new.keys)
    model(input_ids=torch.tensor([[9] * 8]), past_key_values=cache, use_cache=True)
    assert shortened(cache, 1) is None


def test_who_is_due_of_several_named_together_is_the_first_not_yet_told(arming):
    prompt = "Compare Arvia, Belport and Corvane."
    named = prompt, arming.mentions(prompt)
    arvia, belport = (m.subject for m in named[1][:2])
    assert arming.due(0, named, "", []) == (arvia, 0)
    assert arming.due(0, named, "The seat is Norgate, and", [(arvia, 0, 12)]) == (belport, 1)
    assert arming.due(0, named, "That of Dalmere is", []) == (3, 3)
    assert arming.due(0, named, "That of Dalmere is Åsbo or", [(3, 0, 19)]) is None
    assert arming.due(0, ("", []), "It is", []) is None
