from collections import Counter

import pyarrow as pa
import pytest

from warehouse.reference import (
    foreign_questions,
    heldout_questions,
    missing_questions,
    phrasings,
    training_negatives,
)

pytestmark = pytest.mark.slow


def put(templates, subjects):
    return {template.replace("{subject}", s) for template in templates for s in subjects}


def relations_of(kind):
    return [
        relation.name for relation in phrasings.relations().values() if relation.subject == kind
    ]


def put_heldout(subject, relations):
    return {p for r in relations for p in put(phrasings.heldout_templates(r), [subject])}


def foreign_subjects():
    """(subject, kind) pairs as the held-out file names them."""
    prefix = "foreign_subjects_"
    return [
        (subject, key.removeprefix(prefix))
        for key, subjects in phrasings.read("heldout_foreign").items()
        if key.startswith(prefix)
        for subject in subjects
    ]


def asked(table, kind):
    return [row["prompt"] for row in missing_questions(table).to_pylist() if row["kind"] == kind]


def backwards(table):
    return table.take(list(range(table.num_rows))[::-1])


@pytest.fixture(scope="module")
def table(world):
    _, table, _, _ = world
    return table


@pytest.fixture(scope="module")
def negatives(table):
    return training_negatives(table, seed=3)


@pytest.fixture(scope="module")
def holes(world):
    """The (subject, relation) pairs without a fact, found the slow way."""
    _, _, facts, _ = world
    kinds = {name: relation.subject for name, relation in phrasings.relations().items()}
    subjects = {(subject, kinds[relation]) for subject, relation in facts}
    return {
        (subject, relation)
        for subject, kind in subjects
        for relation in relations_of(kind)
        if (subject, relation) not in facts
    }


def test_held_out_questions_cover_known_relations_only():
    facts = pa.table(
        {"fact_id": ["f", "g"], "subject": ["Peru", "x"], "relation": ["country.numeric", "y"]}
    )
    rows = heldout_questions(facts).to_pylist()
    assert [(row["fact_id"], row["template_index"]) for row in rows] == [("f", i) for i in range(3)]
    assert all(row["prompt"] == row["template"].replace("{subject}", "Peru") for row in rows)


def test_negatives_are_the_same_for_the_same_facts_and_seed(table, negatives):
    assert negatives == training_negatives(backwards(table), seed=3)
    assert negatives != training_negatives(table, seed=4)


@pytest.mark.slow
def test_every_prefix_of_the_negatives_holds_as_many_foreign_as_near_foreign(table, negatives):
    templates = phrasings.read("training_foreign")
    kinds = {name: relation.subject for name, relation in phrasings.relations().items()}
    near = {
        prompt
        for fact in table.to_pylist()
        for prompt in put(templates[f"near_foreign_{kinds[fact['relation']]}"], [fact["subject"]])
    }
    foreign = set(templates["foreign"])
    assert not near & foreign
    assert set(negatives) == near | foreign
    surplus = 0
    for prompt in negatives:
        surplus += 1 if prompt in near else -1
        assert surplus in (0, 1)


def test_negatives_ask_nothing_that_a_fact_answers(table, negatives):
    own = {prompt for prompts in table["prompts"].to_pylist() for prompt in prompts}
    assert not own & set(negatives)
    assert not any("{subject}" in negative for negative in negatives)


def test_no_held_out_question_trains(table, negatives):
    held = [
        *heldout_questions(table)["prompt"].to_pylist(),
        *foreign_questions()["prompt"].to_pylist(),
        *missing_questions(table)["prompt"].to_pylist(),
    ]
    assert not {text.casefold() for text in held} & {text.casefold() for text in negatives}


def test_missing_facts_are_asked_about_holes(table, holes):
    assert ("Laos", "country.official_name") in holes
    may_be = {p for subject, relation in holes for p in put_heldout(subject, [relation])}
    missing = asked(table, "missing_fact")
    assert set(missing) <= may_be
    assert len(missing) == min(len(may_be), 80)


def test_a_fact_closes_its_hole():
    relations = relations_of("country")

    def peru(*known):
        names = [["Mars"]] + [None] * (len(known) - 1)
        return pa.table({"subject": ["Peru"] * len(known), "relation": known, "aliases": names})

    assert asked(peru(*relations), "missing_fact") == []
    known = [relation for relation in relations if relation != "country.alpha_3"]
    assert set(asked(peru(*known), "missing_fact")) == put_heldout("Peru", ["country.alpha_3"])
    foreign = set(asked(peru(*relations), "foreign_subject"))
    assert foreign & put_heldout("Neptune", relations)
    assert not foreign & put_heldout("Mars", relations)  # an alias: someone's subject


def test_a_table_of_other_things_is_kept_from_foreign_questions_only():
    table = pa.table({"subject": ["x"], "relation": ["y"], "aliases": [["z"]]})
    foreign = phrasings.read("training_foreign")["foreign"]
    assert sorted(training_negatives(table, seed=0)) == sorted(foreign)
    assert missing_questions(table).num_rows == 0


def test_foreign_subjects_are_no_subject_alias_or_value_of_a_fact(table):
    known = {
        name.casefold()
        for fact in table.to_pylist()
        for name in (fact["subject"], fact["answer"], *fact["values"], *(fact["aliases"] or ()))
    }
    subjects = [subject.casefold() for subject, _ in foreign_subjects()]
    assert len(set(subjects)) == len(subjects) == 40
    for subject in subjects:
        assert not {subject, subject.removeprefix("the ")} & known


def test_held_out_questions_without_an_answer_are_of_four_kinds(table):
    assert set(foreign_questions()["kind"].to_pylist()) == {"foreign"}
    missing = missing_questions(table)
    assert missing.equals(missing_questions(backwards(table)))
    prompts = missing["prompt"].to_pylist()
    assert len(set(prompts)) == len(prompts)
    assert not set(prompts) & set(heldout_questions(table)["prompt"].to_pylist())
    assert Counter(missing["kind"].to_pylist()) == {
        "near_foreign": 80,
        "missing_fact": 80,
        "foreign_subject": 80,
    }
    for subject, kind in foreign_subjects():
        assert len(put_heldout(subject, relations_of(kind)) & set(prompts)) == 2
