"""Slots judged in parts, each in a DuckDB of its own, come out as judged in one piece, exactly."""

import pickle
import random
from datetime import date

import pytest

from warehouse import query
from warehouse.catalogue import make_tables
from warehouse.claims import ClaimBatch, RelationRule
from warehouse.facts import ReconcileSettings, reconcile
from warehouse.intake import ingest
from warehouse.judgement import Weighing

pytestmark = pytest.mark.slow

RULES = {
    "seat": RelationRule(steps=("truth",), values="place"),
    "population": RelationRule(slot="time_varying", values="number", tolerance=0.01),
    "languages": RelationRule(slot="multi_valued"),
    "founded": RelationRule(values="date"),
}
VALUES = {
    "seat": ["Milan", "Milan, Italy", "Milan, Lombardy, Italy", "Rome", "Turin"],
    "population": ["1,000", "1004", "1 200", "1500", "about 1500"],
    "languages": ["German", "french", "French", "Italian"],
    "founded": ["1999", "1999-05", "1999-05-04", "May 4, 1999", "2001"],
    "name": ["Ulm", "ULM", "Neu-Ulm"],
}
TABLES = {
    "facts": "* exclude (recorded_from, recorded_to)",
    "decisions": "* exclude (recorded_from, recorded_to)",
    "conflicts": "*",
    "timeline": "*",
    "source_accuracies": "* exclude (recorded_at)",
}


def claims():
    """Claims of every kind of slot: ties, spellings, shared phrasings, bounded times."""
    for value in ("one", "another"):
        yield {"subject": "tied", "relation": "name", "value": value, "question": "Who is tied?"}
    draw = random.Random(3)
    for _ in range(400):
        relation = draw.choice([*VALUES])
        subject = f"firm {draw.randrange(12)}"
        source = f"source {draw.randrange(4)}"
        yield {
            "subject": subject,
            "relation": relation,
            "value": draw.choice(VALUES[relation]),
            "question": f"{relation} of {subject}?",
            "paraphrases": [f"tell {relation}", f"{subject} {draw.randrange(2)}"],
            "source": source,
            "authority": draw.choice([1, 1, 2]),
            "observed_at": draw.choice([None, "2001", "2005-05-05", "2010-01"]),
            "valid_to": draw.choice([None, None, None, "2015"]),
        }


def decided(weighing):
    with query.connect() as con:
        make_tables(con)
        ingest(con, ClaimBatch.from_rows("s", claims(), relations=RULES))
        receipt = reconcile(con, ReconcileSettings(as_of=date(2024, 1, 1), weighing=weighing))
        found = {
            name: sorted(map(repr, con.execute(f"select {what} from {name}").fetchall()))
            for name, what in TABLES.items()
        }
        return receipt, found


def each_elsewhere(function, items, *, keep=False):
    """Apply it as another process would: nothing but bytes goes there and comes back."""
    sent = pickle.dumps(function)
    return [pickle.loads(pickle.dumps(pickle.loads(sent)(item))) for item in items]


@pytest.fixture(scope="module")
def whole():
    return decided(Weighing())


def test_every_table_has_rows(whole):
    assert [name for name, rows in whole[1].items() if not rows] == []
    assert whole[0].ties
    assert whole[0].conflicts_resolved
    assert whole[0].ambiguous_prompts


@pytest.mark.parametrize("num_parts", [2, 8])
def test_parts_come_out_as_one_piece(whole, num_parts, tmp_path):
    assert decided(Weighing(num_parts=num_parts, each=each_elsewhere, folder=tmp_path)) == whole
    assert not [*tmp_path.iterdir()]
