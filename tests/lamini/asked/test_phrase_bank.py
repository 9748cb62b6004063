"""The phrasings that ship."""

import dataclasses

import numpy as np
import pytest

from lamini.asked import phrase_bank
from lamini.asked.acceptance import load_acceptance
from lamini.asked.encoder import load_encoder
from lamini.asked.features import NAMES
from lamini.asked.phrase_bank import KINDS, load_phrase_bank
from lamini.asked.wording import has_mask
from lamini.errors import ConfigError


def test_every_relation_gets_at_least_forty_phrasings():
    bank = load_phrase_bank()
    for relation in ("latest_version", "country.currency", "GICS sector", "frobnication"):
        found = bank.concepts_of(relation)
        kind = found[0].kind if found else "text"
        texts = bank.phrasings_of(relation, kind, found[0] if found else None)
        assert len(texts) >= (40 if found else 28), relation
        assert all(map(has_mask, texts))


@pytest.mark.parametrize(
    ("relation", "concept"),
    [
        ("country.currency", "currency"),
        ("currency.name", "currency_of_code"),
        ("country.name", "country_of_code"),
        ("country.official_name", "official_name"),
        ("GICS sub-industry", "sub_industry"),
        ("headquarters location", "headquarters"),
        ("requires_python", "required_python"),
        ("chief of state", "head_of_state"),
        ("bioguide id", "identifier"),
    ],
)
def test_a_relations_name_tells_its_concept(relation, concept):
    assert load_phrase_bank().concepts_of(relation)[0].name == concept


def test_the_vectors_that_ship_are_those_of_the_phrasings():
    bank = load_phrase_bank()
    rows = range(0, len(bank.texts), 97)
    fresh = load_encoder().of_phrasings([bank.texts[row] for row in rows])
    assert np.abs(fresh - bank.vectors_ND[list(rows)]).max() < 2e-3
    assert {concept.kind for concept in bank.concepts} <= set(KINDS)


def test_phrasings_that_changed_without_their_vectors_are_refused(monkeypatch):
    concepts, generic, tasks = phrase_bank._read()
    other = (dataclasses.replace(concepts[0], phrasings=("how X",)), *concepts[1:])
    monkeypatch.setattr(phrase_bank, "_read", lambda: (other, generic, tasks))
    with pytest.raises(ConfigError, match=r"python -m lamini\.asked\.phrase_bank"):
        load_phrase_bank.__wrapped__()


def test_the_weights_that_ship_say_on_how_many_prompts_they_stand():
    weights = load_acceptance()
    assert weights.num_prompts > 3000
    assert len(weights.weight) == len(NAMES)
