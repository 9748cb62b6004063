"""What counts as the answer: the fact's own spelling, and others where the relation says so."""

from dataclasses import replace
from datetime import date

import pytest

from flows.measure_recall import accepting
from lamini.recall import Question
from warehouse import query
from warehouse.catalogue import make_tables
from warehouse.claims import ClaimBatch
from warehouse.ingest import ingest
from warehouse.reconcile import ReconcileSettings, reconcile
from warehouse.relations import RelationRule
from warehouse.snapshot import write_snapshot

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
