"""What is to be forgotten stays so, whoever says it again, and is counted all the same."""

import pyarrow.parquet as pq
import pytest

from warehouse import tombstones
from warehouse.claims import ClaimBatch, merge_subjects
from warehouse.errors import MappingError
from warehouse.explanations import explain
from warehouse.intake import ingest
from warehouse.snapshots import publish

pytestmark = pytest.mark.slow

VALUE = "Limaxyzzy"


def bury(con, *subjects, relation="capital", **given):
    return tombstones.add(con, subjects or ["Peru"], relation, **given)


def test_a_forgotten_slot_has_no_fact_and_its_claims_a_fate_of_their_own(
    memory, take, settle, row, fates, answers
):
    con = memory()
    take(con, [row(), row(value="Cusco"), row("Chile", "Santiago"), row()])
    bury(con, reason="asked by letter")
    counts = settle(con).counts
    assert answers(con) == {("Chile", "capital"): "Santiago"}
    assert fates(con)["Peru", "Lima", "s"] == ("forgotten", "asked by letter")
    assert (counts["forgotten"], counts["duplicate"], counts["used"]) == (2, 1, 1)
    assert sum(counts.values()) == 4


def test_the_same_source_another_source_and_another_spelling_bring_nothing_back(
    memory, take, settle, row, answers
):
    con = memory()
    take(con, [row("C\u00f4te  d'Ivoire", "Yamoussoukro")])
    bury(con, "Co\u0302te d'Ivoire ")
    for source, name in (("s", "C\u00f4te d'Ivoire"), ("other", " Co\u0302te d'Ivoire")):
        take(con, [row(name, "Yamoussoukro"), row("Chad", source)], source=source)
        assert settle(con).counts["forgotten"] > 0
    assert not [key for key in answers(con) if "Ivoire" in key[0]]


def test_a_name_declared_the_same_is_forgotten_with_it(memory, settle, row, answers):
    con = memory()
    ingest(con, ClaimBatch.from_rows("s", [row("Holland", "Amsterdam")]))
    bury(con, "Holland")
    # Declared only later: what was forgotten as Holland must not come back as the Netherlands.
    names = {"Holland": "Netherlands", "The Netherlands": "Netherlands"}
    batch = merge_subjects(ClaimBatch.from_rows("t", [row("Holland", "Amsterdam")]), names)
    tombstones.spread(con, batch.claims, names)
    ingest(con, batch)
    assert settle(con).counts["forgotten"] == 2
    assert answers(con) == {}
    assert tombstones.names_of(" Holland", names) == ["Netherlands", "Holland", "The Netherlands"]
    with pytest.raises(MappingError, match="circle"):
        tombstones.names_of("a", {"a": "b", "b": "a"})


def test_a_lifted_tombstone_lets_the_fact_return_and_can_be_put_up_again(
    memory, take, settle, row, answers
):
    con = memory()
    take(con, [row()])
    before = settle(con).snapshot_hash
    (tombstone,) = bury(con)
    settle(con)
    tombstones.lift(con, [tombstone])
    assert tombstones.standing(con, ["Peru"], "capital") == []
    assert settle(con).snapshot_hash == before
    bury(con)
    settle(con)
    assert answers(con) == {}
    assert con.execute("select count(*) from tombstones").fetchall() == [(1,)]


def test_what_is_forgotten_is_published_without_its_text_and_why_tells_the_reason(
    home, con, take, settle, row
):
    take(con, [row(value=VALUE, aliases=[f"the {VALUE}"]), row("Chile", "Santiago")])
    bury(con, reason="a request")
    settle(con)
    snapshot = publish(con, home)
    for file in snapshot.path.glob("*.parquet"):
        assert VALUE not in str(pq.read_table(file).to_pylist())
    found = explain(snapshot, "Peru", "capital")
    assert found.fact is None
    assert [(c["status"], c["reason"], c["value"]) for c in found.claims] == [
        ("forgotten", "a request", "(forgotten)")
    ]
    assert snapshot.manifest["counts"]["forgotten"] == 1


def texts_left(con):
    """Everything that the catalogue holds, as one text."""
    tables = con.execute("select table_name from duckdb_tables() where not temporary").fetchall()
    return str([con.execute(f"select * from {name}").fetchall() for (name,) in tables])


def purged(con, *subjects):
    added = bury(con, *subjects)
    ids = [tombstone.fact_id for tombstone in added]
    found = tombstones.texts_of(con, ids)
    tombstones.purge(con, added, subjects or ["Peru"], found.values, found.values)
    return ids, found


def test_a_purge_covers_what_was_said_to_other_questions(memory, take, settle, row):
    con = memory()
    take(con, [row(value=VALUE), row("Chile", "Santiago")])
    settle(con)
    said = [f"It is {VALUE}.", "Santiago", None]
    for text in said:
        con.execute(
            "insert into recall (run_key, kind, said) values ('r', 'near_foreign', ?)", [text]
        )
    purged(con)
    rows = con.execute("select said from recall order by all").fetchall()
    assert rows == [("(forgotten)",), ("Santiago",), (None,)]


def test_a_purged_slot_leaves_a_salted_hash_and_rows_that_count(memory, take, settle, row):
    con = memory()
    take(con, [row(value=VALUE), row(value=VALUE), row("Chile", "Santiago"), row(value=None)])
    settle(con)
    ids, found = purged(con)
    assert found.values == (VALUE,)
    assert "What is the capital of Peru?" in found.prompts
    counts = settle(con).counts
    assert (counts["forgotten"], counts["duplicate"], counts["quarantined"]) == (1, 1, 1)
    for text in (VALUE, "Peru", *ids):
        assert text not in texts_left(con), text
    assert "Santiago" in texts_left(con)


def test_claims_about_a_purged_slot_come_in_empty_and_are_still_told_apart(
    memory, take, settle, row, answers
):
    con = memory()
    take(con, [row(value=VALUE)])
    purged(con)
    take(con, [row(value=VALUE), row(value=None)], source="t")
    take(con, [row(value=VALUE), row(value=f"other {VALUE}")], source="u")
    take(con, [row(value=VALUE), row("Chad", "N'Djamena")], source="u")
    counts = settle(con).counts
    assert (counts["forgotten"], counts["duplicate"], counts["quarantined"]) == (4, 1, 1)
    assert answers(con) == {("Chad", "capital"): "N'Djamena"}
    assert VALUE not in texts_left(con)
    assert "Peru" not in texts_left(con)


def test_a_row_refused_for_another_column_loses_its_text_with_the_slot(memory, take, row):
    con = memory()
    take(con, [row(value=VALUE)])
    take(con, [row(relation="size", value=VALUE, observed_at="soon"), row("Chad", observed_at="x")])
    purged(con)
    raws = con.execute("select raw from quarantine order by row").fetchall()
    assert raws[0] == ("(forgotten)",)
    assert "Chad" in raws[1][0]


def test_lifting_what_was_purged_brings_back_only_what_is_said_anew(
    memory, take, settle, row, answers
):
    con = memory()
    take(con, [row(value=VALUE)])
    purged(con)
    tombstones.lift(con, tombstones.standing(con, ["Peru"], "capital"))
    assert settle(con).counts["forgotten"] == 1
    assert answers(con) == {}
    take(con, [row(value="Lima")])
    assert settle(con).counts["forgotten"] == 1
    assert answers(con) == {("Peru", "capital"): "Lima"}


def test_texts_that_other_claims_hold_are_named_as_shared(memory, take, row):
    con = memory()
    take(con, [row(value="Lima"), row("Chile", "Lima")])
    (tombstone,) = bury(con)
    assert tombstones.texts_of(con, [tombstone.fact_id]).shared == ("Lima",)
    assert tombstones.origins_of(con, [tombstone.fact_id]) == [
        {"source": "s", "file": "s", "row": 1}
    ]


def test_readers_find_a_tombstone_by_name_in_a_file_of_hashes(home, con, take, row):
    take(con, [row(value=VALUE)])
    purged(con)
    tombstones.publish_tombstones(con, home)
    assert "Peru" not in str(pq.read_table(home / "tombstones.parquet").to_pylist())
    found = tombstones.published_tombstone(home, " Peru ", "capital")
    assert found["reason"] == tombstones.DEFAULT_REASON
    assert found["purged_at"] is not None
    assert tombstones.published_tombstone(home, "Chile", "capital") is None
    assert tombstones.published_tombstone(home / "nowhere", "Peru", "capital") is None
