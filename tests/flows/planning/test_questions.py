"""What counts as the answer: the fact's own spelling, and others where the relation says so."""

from dataclasses import replace
from datetime import date

import pytest

from flows.planning.questions import accepting, questions_for
from flows.planning.tokens import answer_counter
from lamini.backbone.text import encode_answer
from lamini.proof.recall import Question
from warehouse import query
from warehouse.assignment import assign
from warehouse.catalogue import make_tables, open_catalogue
from warehouse.claims import ClaimBatch, RelationRule
from warehouse.facts import ReconcileSettings, reconcile
from warehouse.intake import ingest
from warehouse.snapshots import head, publish, write_snapshot

pytestmark = pytest.mark.slow


@pytest.fixture
def published(tmp_path):
    """A snapshot in which both relations know two spellings of one number."""
    rules = {
        "lenient": RelationRule(values="number", aliases_equal=True),
        "strict": RelationRule(values="number"),
    }
    rows = [
        {"subject": "Ulm", "relation": relation, "question": f"{relation}?", "value": value}
        for relation in rules
        for value in ("126,329", "126,329", "126329")
    ]
    with query.connect() as con:
        make_tables(con)
        for number, row in enumerate(rows):
            ingest(con, ClaimBatch.from_rows(f"s{number}", [row], relations=rules))
        reconcile(con, ReconcileSettings(as_of=date(2024, 1, 1)))
        return write_snapshot(con, tmp_path)


def test_other_spellings_count_where_the_relation_says_so_and_nowhere_else(published):
    facts = published.facts().to_pylist()
    asked = [
        Question(
            kind="training",
            template=fact["relation"],
            prompt=fact["question"],
            fact_id=fact["fact_id"],
            answer=fact["answer"],
        )
        for fact in facts
    ]
    foreign = Question(kind="foreign", template="foreign", prompt="Who?")
    given = {q.template: q.accepted for q in accepting([*asked, foreign], published)}
    (lenient,) = (fact for fact in facts if fact["relation"] == "lenient")
    assert lenient["answer"] == "126,329"
    assert given == {"lenient": ("126329",), "strict": (), "foreign": ()}
    assert accepting([foreign], published) == [replace(foreign, accepted=())]


@pytest.mark.parametrize("trained", [False, True])
def test_a_users_own_held_out_phrasings_are_asked_unless_trained_on(tmp_path, trained):
    template = "Who owns {subject}?"
    rows = [
        {
            "subject": subject,
            "relation": "owner",
            "question": f"Who is the owner of {subject}?",
            "paraphrases": [template.format(subject=subject)] if trained else [],
            "value": "Ines",
        }
        for subject in ("Billing", "Cranes")
    ]
    rule = RelationRule(heldout=(template, "{subject}: run by whom?"))
    count = answer_counter("embedded")
    with open_catalogue(tmp_path) as con:
        ingest(con, ClaimBatch.from_rows("s", rows, relations={"owner": rule}))
        reconcile(con, ReconcileSettings(as_of=date(2024, 1, 1), count_tokens=count))
        publish(con, tmp_path)
        plan = assign(
            con, tmp_path, head(tmp_path), num_groups=4, group_size=8, num_shards=1,
            num_tokens_by_fact=lambda answers: [n + 1 for n in count(answers)],
        )  # fmt: skip
    asked = questions_for(head(tmp_path), plan.path, 1)
    heldout = {(q.template, q.prompt, q.answer) for q in asked if q.kind == "heldout"}
    wanted = {
        ("{subject}: run by whom?", f"{s}: run by whom?", "Ines") for s in ("Billing", "Cranes")
    }
    if not trained:
        wanted |= {(template, f"Who owns {s}?", "Ines") for s in ("Billing", "Cranes")}
    assert heldout == wanted
    kinds = {q.kind for q in asked}
    assert kinds == {
        "training", "heldout", "phrasing", "surface", "foreign", "near_foreign", "foreign_subject"
    }  # fmt: skip
    phrasings = {(q.template, q.answer) for q in asked if q.kind == "phrasing"}
    assert ("Who is the owner of {}?", "Ines") in phrasings
    assert (("Who owns {}?", "Ines") in phrasings) == trained
    thanked = {q.prompt for q in asked if (q.kind, q.template) == ("surface", "thanks")}
    assert thanked == {f"Who is the owner of {s}? Thanks a lot!" for s in ("Billing", "Cranes")}


def test_answers_are_counted_as_training_encodes_them():
    count = answer_counter("embedded")
    tokenizer = count._tokenizer
    answers = ["Lima", "</s>", "use <s> for struck text", "a<pad>b", "N'Djamena", "秘鲁"]
    assert count(answers) == [len(encode_answer(tokenizer, text)) - 1 for text in answers]
