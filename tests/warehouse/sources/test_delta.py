import builtins
import shutil

import pyarrow as pa
import pytest

from warehouse.errors import MissingExtraError, SourceError
from warehouse.intake import ingest, last_batch
from warehouse.sources import load_mapping, read_source

CLAIM = '[claim]\nsubject = "s"\nvalue = "v"\nquestion = { template = "Capital of {subject}?" }\n'


def capitals(*subjects):
    return pa.table({"s": list(subjects), "v": ["x"] * len(subjects)})


@pytest.fixture
def write(tmp_path):
    deltalake = pytest.importorskip("deltalake", reason="needs the extra: delta")

    def run(table, feed=True, **settings):
        told = {"delta.enableChangeDataFeed": "true"} if feed else {}
        deltalake.write_deltalake(tmp_path / "lake", table, configuration=told, **settings)
        return deltalake.DeltaTable(tmp_path / "lake")

    return run


@pytest.fixture
def step(tmp_path):
    def run(con, top='watermark = "version"', where="lake"):
        text = f'path = "{where}"\nformat = "delta"\n{top}\n{CLAIM}'
        (tmp_path / "m.toml").write_text(text)
        return ingest(con, read_source(load_mapping(tmp_path / "m.toml"), last_batch(con, "m")))

    return run


@pytest.mark.slow
def test_the_change_feed_gives_only_what_was_inserted_since_the_version(memory, write, step):
    con = memory()
    write(capitals("Peru", "Chad"))
    assert (step(con).num_rows, last_batch(con, "m").version) == (2, 0)
    write(capitals("Mali"), mode="append")
    receipt = step(con)
    assert (receipt.num_rows, receipt.num_accepted) == (1, 1)
    assert receipt.watermark.startswith("1 of table ")
    assert step(con).num_rows == 0


@pytest.mark.slow
def test_a_row_deleted_or_changed_in_the_feed_is_withdrawn_and_lifted_when_it_returns(
    memory, write, step
):
    con = memory()
    table = write(capitals("Peru", "Chad"))
    step(con)
    table.delete("s = 'Chad'")
    assert (step(con).num_withdrawn, last_batch(con, "m").version) == (1, 1)
    table.update(predicate="s = 'Peru'", updates={"v": "'y'"})
    receipt = step(con)
    assert (receipt.num_accepted, receipt.num_withdrawn) == (1, 1)
    write(capitals("Chad"), mode="append")
    assert step(con).num_restored == 1
    write(capitals("Mali"), mode="append").delete("s = 'Mali'")
    assert step(con).num_rows == 0
    assert con.execute(
        "select c.subject, c.value from claims as c inner join retractions as r using (claim_id) "
        "group by all having max_by(withdrawn, r.recorded_at)"
    ).fetchall() == [("Peru", "x")]


@pytest.mark.slow
def test_without_the_feed_a_new_version_is_read_whole(memory, write, step):
    con = memory()
    write(capitals("Peru"), feed=False)
    step(con)
    write(capitals("Mali"), feed=False, mode="append")
    receipt = step(con)
    assert (receipt.num_rows, receipt.num_accepted, receipt.num_duplicates) == (2, 1, 1)
    assert "no change data feed" in receipt.warnings[0]


HELD = (
    "select subject, value from claims anti join (select claim_id from retractions group by all "
    "having max_by(withdrawn, recorded_at)) using (claim_id) order by all"
)


@pytest.mark.parametrize("feed", [True, False])
@pytest.mark.slow
def test_a_table_is_what_it_holds_however_it_came_to_it(memory, write, step, tmp_path, feed):
    deltalake = pytest.importorskip("deltalake", reason="needs the extra: delta")
    con = memory()
    write(capitals("Peru", "Chad"), feed=feed).update(predicate="s = 'Peru'", updates={"v": "'y'"})
    step(con)
    write(capitals("Mali"), feed=feed, mode="append")
    step(con)
    shutil.rmtree(tmp_path / "lake")  # and made anew, past the version that was seen last
    write(capitals("Peru"), feed=feed)
    for subject in ("Fiji", "Oman"):
        write(capitals(subject), feed=feed, mode="append")
    assert "made anew" in step(con).warnings[0]
    assert con.execute(HELD).fetchall() == [("Fiji", "x"), ("Oman", "x"), ("Peru", "x")]
    deltalake.DeltaTable(tmp_path / "lake").update(predicate="s = 'Fiji'", updates={"v": "'z'"})
    step(con)
    assert con.execute(HELD).fetchall() == [("Fiji", "z"), ("Oman", "x"), ("Peru", "x")]


def test_a_feed_that_does_not_reach_back_is_no_end(memory, write, step, tmp_path):
    con = memory()
    write(capitals("Peru", "Chad"))
    step(con)
    table = write(capitals("Mali"), mode="append")
    table.delete("s = 'Chad'")
    table.create_checkpoint()
    for log in sorted((tmp_path / "lake" / "_delta_log").glob("*.json"))[:2]:
        log.unlink()  # as clean-up does
    assert "does not reach back to version 1" in step(con).warnings[0]
    assert con.execute(HELD).fetchall() == [("Mali", "x"), ("Peru", "x")]


@pytest.mark.slow
def test_rows_deleted_from_a_full_extract_are_withdrawn(memory, write, step):
    con = memory()
    table = write(capitals("Peru", "Chad"))
    step(con, 'extract = "full"')
    table.delete("s = 'Chad'")
    assert step(con, 'extract = "full"').num_withdrawn == 1


@pytest.mark.slow
def test_a_table_by_its_url_is_the_same(memory, write, step, tmp_path):
    write(capitals("Peru"))
    assert step(memory(), where=(tmp_path / "lake").as_uri()).num_accepted == 1


@pytest.mark.slow
def test_a_damaged_or_older_table_is_refused(memory, write, step, tmp_path):
    con = memory()
    write(capitals("Peru"))
    write(capitals("Chad"), mode="append")
    step(con)
    (log,) = (tmp_path / "lake" / "_delta_log").glob("*1.json")
    log.unlink()
    with pytest.raises(SourceError, match="version 0 comes before 1"):
        step(con)
    next((tmp_path / "lake" / "_delta_log").glob("*0.json")).write_text("{")
    with pytest.raises(SourceError, match="not a readable Delta table"):
        step(memory())


def test_without_the_library_the_extra_is_named(memory, step, tmp_path, monkeypatch):
    (tmp_path / "lake" / "_delta_log").mkdir(parents=True)
    real = builtins.__import__

    def no_delta(name, *rest):
        if name == "deltalake":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", no_delta)
    with pytest.raises(MissingExtraError, match=r"pip install \"memory-tuning\[delta\]\""):
        step(memory())
