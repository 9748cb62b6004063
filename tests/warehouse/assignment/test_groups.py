import pyarrow.parquet as pq
import pytest

from warehouse.assignment import assign, num_experts_for
from warehouse.errors import CapacityError
from warehouse.intake import retract
from warehouse.snapshots import publish

GEOMETRY = {"num_groups": 8, "group_size": 32, "num_shards": 2}


def count(answers):
    return [len(answer) for answer in answers]


@pytest.fixture
def place(con, home, settle):
    def run(**settings):
        settle(con)
        snapshot = publish(con, home)
        settings = {**GEOMETRY, "num_tokens_by_fact": count, **settings}
        return assign(con, home, snapshot, **settings)

    return run


def plan(receipt):
    return {row["question"]: row for row in pq.read_table(receipt.path).to_pylist()}


@pytest.mark.slow
def test_facts_keep_their_group_and_free_groups_are_used_again(con, take, row, place):
    take(con, [row(s, s, question=s) for s in "ABCD"])
    before = plan(place())
    [(claim_id,)] = con.execute("select claim_id from claims where subject = 'B'").fetchall()
    retract(con, [claim_id], "gone")
    take(con, [row("E", "E", question="E")], file="more")
    after = plan(place())
    assert {q: after[q]["group_index"] for q in "ACD"} == {
        q: before[q]["group_index"] for q in "ACD"
    }
    assert after["E"]["group_index"] == before["B"]["group_index"]


@pytest.mark.slow
def test_the_same_snapshot_gives_the_same_file(con, take, row, place):
    take(con, [row(s, s) for s in "ABC"])
    assert place() == place()


@pytest.mark.slow
def test_every_fact_owns_its_group_and_shards_are_of_equal_size(con, take, row, place):
    take(con, [row(s, s) for s in "ABCDEF"])
    receipt = place(num_shards=3)
    table = pq.read_table(receipt.path)
    assert receipt.num_facts == receipt.num_groups_used == table.num_rows == 6
    assert sorted(table["group_index"].to_pylist()) == list(range(6))
    assert sorted(table["shard_index"].to_pylist()) == [0, 0, 1, 1, 2, 2]
    assert table["fact_id"].to_pylist() == sorted(table["fact_id"].to_pylist())


@pytest.mark.slow
def test_token_counts_may_be_given_by_fact(con, take, row, place):
    take(con, [row("A", "A")])
    by_function = place()
    [fact_id] = pq.read_table(by_function.path)["fact_id"].to_pylist()
    assert place(num_tokens_by_fact={fact_id: 1}) == by_function


@pytest.mark.slow
def test_too_many_facts_are_refused_before_anything_changes(con, take, row, place):
    take(con, [row(s, s) for s in "ABC"])
    with pytest.raises(CapacityError, match=r"3 facts do not fit into 2 groups .* 96 experts"):
        place(num_groups=2)
    assert con.execute("select count(*) from assignment").fetchall() == [(0,)]
    with pytest.raises(ValueError, match="num_shards=0 must be at least 1"):
        place(num_shards=0)


@pytest.mark.parametrize(("tokens", "experts"), [(1, 1), (5, 5), (32, 32), (64, 32)])
def test_an_answer_uses_an_expert_for_each_token_that_fits(tokens, experts):
    assert num_experts_for(tokens, group_size=32) == experts
