from datetime import date

import pytest

from warehouse.errors import MappingError
from warehouse.reference import cldr, heldout_questions, iso, phrasings


def test_the_two_sources_speak_of_the_same_slots_and_disagree_on_real_names(world):
    receipt, _, _, claims = world
    assert receipt.num_slots >= 1500
    assert receipt.num_facts >= 1700
    beaten = [claim for claim in claims if claim["status"] == "contradicted"]
    assert sum(claim["relation"] == "country.name" for claim in beaten) >= 40
    assert sum(claim["relation"] == "currency.name" for claim in beaten) >= 90
    assert receipt.ties == receipt.counts["quarantined"] == receipt.counts["held_back"] == 0


def test_countries_with_two_tenders_hold_a_set(world):
    _, _, facts, _ = world
    assert facts["Panama", "country.currency"]["answer"] == "PAB; USD"
    assert facts["Germany", "country.currency"]["answer"] == "EUR"


def test_the_past_is_outdated_with_its_last_day(world):
    _, _, facts, claims = world
    mark = [c for c in claims if c["subject"] == "Germany" and c["value"] == "DEM"]
    assert [claim["status"] for claim in mark] == ["outdated"]
    assert mark[0]["reason"] == "valid until 2002-02-28"
    assert facts["BY", "country.name"]["answer"] == "Belarus"
    assert ("SU", "country.name") not in facts


def test_pseudo_territories_are_left_out_and_kosovo_is_not(world):
    _, _, facts, _ = world
    codes = {subject for subject, relation in facts if relation == "country.name"}
    assert not codes & {"ZZ", "QO", "EU", "UN", "XA", "XB", "EZ"}
    assert facts["Kosovo", "country.currency"]["answer"] == "EUR"


@pytest.mark.slow
def test_every_fact_is_asked_in_its_training_phrasings_and_in_no_held_out_one(world):
    _, table, facts, _ = world
    prompts = set(facts["Peru", "country.alpha_2"]["prompts"])
    assert facts["Peru", "country.alpha_2"]["question"] == (
        phrasings.training_templates("country.alpha_2")[0].replace("{subject}", "Peru")
    )
    assert len(prompts) == len(phrasings.training_templates("country.alpha_2"))
    trained = {prompt for fact in table.to_pylist() for prompt in fact["prompts"]}
    assert not trained & set(heldout_questions(table)["prompt"].to_pylist())


@pytest.mark.parametrize("relation", phrasings.relations())
def test_every_relation_has_enough_phrasings_with_a_place_for_the_subject(relation):
    training = phrasings.training_templates(relation)
    heldout = phrasings.heldout_templates(relation)
    assert len(set(training)) >= 5
    assert len(set(heldout)) >= 3
    assert not set(training) & set(heldout)
    assert all(template.count("{subject}") == 1 for template in (*training, *heldout))


def test_dates_are_read_from_versions_and_from_parts():
    assert iso.release_date("26.2.16") == date(2026, 2, 16)
    assert iso.release_date("24.13.1") is iso.release_date("dev") is None
    assert iso.last_day("1977") == date(1977, 12, 31)
    assert iso.last_day("1977-02") == date(1977, 2, 28)
    assert cldr.territory_name("ZZZ") is None


def test_a_relation_without_phrasings_names_those_that_have_some():
    with pytest.raises(MappingError, match=r"no relation 'country.flag'; it has country.alpha_2"):
        phrasings.training_templates("country.flag")
