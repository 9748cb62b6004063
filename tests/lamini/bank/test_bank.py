import dataclasses
import re

import lance
import pytest
import torch

from lamini.bank.bank import Bank
from lamini.bank.expert_cache import ExpertCache
from lamini.bank.group_table import GroupTable
from lamini.errors import BankError
from tests.lamini.conftest import GEOMETRY

WIDTH = 32


@pytest.fixture
def bank(tmp_path):
    return Bank(tmp_path / "bank", GEOMETRY, 32)


def keys(*groups, fact="f"):
    return GroupTable(
        group_index_G=torch.tensor(groups, dtype=torch.int64),
        fact_ids=[fact] * len(groups),
        num_experts_G=torch.full((len(groups),), 3),
        subjects=[""] * len(groups),
        phrasings=["name seat"] * len(groups),
        training_hashes=["hash"] * len(groups),
        keys_GK=torch.randn(len(groups), 16),
    )


def test_written_experts_come_back_bit_for_bit_and_unwritten_ones_are_zero(bank):
    weights = {5: torch.randn(3, WIDTH), 40: torch.randn(8, WIDTH)}
    bank.write(weights, keys(5, 40))
    found = bank.read([40, 5, 40])
    assert torch.equal(found[0], weights[40])
    assert torch.equal(found[2], weights[40])
    assert torch.equal(found[1, :3], weights[5])
    assert not found[1, 3:].any()
    assert bank.num_experts() == 11


def test_a_group_never_written_reads_as_zeros(bank):
    bank.write({5: torch.randn(3, WIDTH)}, keys(5))
    assert not bank.read([7]).any()


def test_writing_twice_is_the_same_as_writing_once(bank):
    weights = {5: torch.randn(3, WIDTH), 6: torch.randn(2, WIDTH)}
    for _ in range(2):
        bank.write(weights, keys(5, 6))
    assert bank.num_experts() == 5


def test_an_old_version_stays_readable_after_a_later_write(bank):
    old = {5: torch.randn(3, WIDTH)}
    version = bank.write(old, keys(5, fact="old"))
    bank.write({5: torch.randn(3, WIDTH)}, keys(5, fact="new"))
    bank.open(version)
    assert torch.equal(bank.read([5])[0], old[5])
    assert bank.group_table().fact_ids == ["old"]


def test_a_later_write_leaves_every_other_expert_byte_identical(bank):
    weights = {5: torch.randn(3, WIDTH), 6: torch.randn(3, WIDTH)}
    bank.write(weights, keys(5, 6))
    bank.write({5: torch.randn(3, WIDTH)}, keys(5, 6))
    assert torch.equal(bank.read([6])[0], weights[6])


def files_of(bank, version):
    bank.open(version)
    return bank.read(range(64))


def test_an_update_of_some_groups_leaves_all_others_byte_identical_and_the_old_version_readable(
    bank,
):
    before = {g: torch.randn(3 + g % 5, WIDTH) for g in range(20)}
    old_keys = keys(*range(20), fact="old")
    old = bank.write(before, old_keys)
    changed = {4: torch.randn(2, WIDTH), 9: torch.randn(8, WIDTH), 30: torch.randn(1, WIDTH)}
    left = [g for g in range(20) if g not in (7, 11)]
    new = bank.write(changed, keys(*left, 30, fact="new"), retired=[7, 11])
    found = bank.read(range(64))
    expected = torch.zeros_like(found)
    for g, weight in {**before, **changed}.items():
        if g not in (7, 11):
            expected[g, : len(weight)] = weight
    assert torch.equal(found, expected)
    assert bank.num_experts() == sum(len(w) for g, w in {**before, **changed}.items()) - 5 - 4
    assert bank.group_table().group_index_G.tolist() == [*left, 30]
    assert new.experts == old.experts + 1
    bank.open(old)
    was = bank.read(range(64))
    assert all(torch.equal(was[g, : len(w)], w) for g, w in before.items())
    assert not was[20:].any()
    again = bank.group_table()
    assert again.fact_ids == ["old"] * 20
    assert torch.equal(again.keys_GK, old_keys.keys_GK)


def test_an_update_rewrites_no_file_of_the_experts_it_does_not_touch(bank):
    bank.write({g: torch.randn(3, WIDTH) for g in range(20)}, keys(*range(20)))
    data = bank.folder / "experts.lance" / "data"
    before = {path.name: path.read_bytes() for path in data.iterdir()}
    bank.write({4: torch.randn(2, WIDTH)}, keys(*range(20)), retired=[7])
    after = {path.name: path.read_bytes() for path in data.iterdir()}
    assert before.items() <= after.items()
    assert sum(map(len, after.values())) - sum(map(len, before.values())) < 8 * 1024


def test_an_update_starts_from_the_open_version_not_from_one_that_was_never_promoted(bank):
    promoted = bank.write({5: torch.ones(3, WIDTH)}, keys(5))
    refused = bank.write({5: torch.zeros(2, WIDTH), 6: torch.ones(1, WIDTH)}, keys(5, 6))
    bank.open(promoted)
    bank.write({8: torch.ones(1, WIDTH)}, keys(5, 8))
    assert bank.read([5])[0, :3].eq(1).all()
    assert not bank.read([6]).any()
    assert bank.num_experts() == 4
    bank.open(refused)
    assert bank.num_experts() == 3


def test_new_keys_alone_leave_the_experts_version_as_it_was(bank):
    first = bank.write({5: torch.ones(3, WIDTH)}, keys(5))
    second = bank.write({}, keys(5, 6))
    assert (second.experts, len(bank.group_table())) == (first.experts, 2)


def test_everything_can_be_retired_and_written_again(bank):
    bank.write({5: torch.ones(3, WIDTH)}, keys(5))
    bank.write({}, keys(), retired=[5])
    assert bank.num_experts() == len(bank.group_table()) == 0
    assert not bank.read([5]).any()
    bank.write({5: torch.ones(2, WIDTH)}, keys(5))
    assert bank.read([5])[0].sum() == 2 * WIDTH


def test_a_group_both_written_and_retired_is_refused(bank):
    with pytest.raises(BankError, match="written and retired"):
        bank.write({5: torch.ones(3, WIDTH)}, keys(5), retired=[5])


def test_single_experts_are_read_by_number_in_the_order_asked(bank):
    weights = {5: torch.randn(3, WIDTH), 2: torch.randn(8, WIDTH)}
    bank.write({5: weights[5]}, keys(5))
    bank.write({2: weights[2]}, keys(2, 5))
    found = bank.read_experts([42, 16, 43, 23, 42, 511])
    assert torch.equal(
        found[[0, 1, 3, 4]],
        torch.stack([weights[5][2], weights[2][0], weights[2][7], weights[5][2]]),
    )
    assert not found[[2, 5]].any()


def test_group_keys_come_back_in_order_bit_for_bit():
    table = GroupTable.joined([keys(9, fact="c"), keys(2, 5, fact="ü")])
    assert table.fact_ids == ["ü", "ü", "c"]
    assert table.group_index_G.tolist() == [2, 5, 9]
    again = GroupTable.from_arrow(table.to_arrow())
    assert again.fact_ids == table.fact_ids
    assert again.subjects == table.subjects
    assert again.phrasings == table.phrasings
    assert again.training_hashes == table.training_hashes
    assert torch.equal(again.keys_GK, table.keys_GK)
    assert [again.row_of(group) for group in (2, 5, 9)] == [0, 1, 2]
    for group in (1, 3, 10):
        with pytest.raises(BankError, match=f"group {group} holds no fact"):
            again.row_of(group)


def test_a_table_without_some_facts_keeps_the_others():
    table = GroupTable.joined([keys(9, fact="c"), keys(2, 5, fact="ü")])
    left = table.without({"ü"})
    assert left.group_index_G.tolist() == [9]
    assert torch.equal(left.keys_GK, table.keys_GK[2:])


def test_a_table_with_one_group_twice_is_refused():
    with pytest.raises(BankError, match="each once"):
        keys(5, 5)


def test_the_cache_stays_within_its_bytes_and_answers_the_same(tmp_path):
    bank = Bank(tmp_path / "bank", GEOMETRY, 32, cache_bytes=3 * 3 * WIDTH * 4)
    weights = {g: torch.randn(3, WIDTH) for g in range(10)}
    bank.write(weights, keys(*range(10)))
    for g in [*range(10), *range(10)]:
        assert torch.equal(bank.read([g])[0], weights[g])
        assert bank._cache.used_bytes <= 3 * 3 * WIDTH * 4
    assert [g for g in range(10) if g in bank._cache] == [7, 8, 9]


def test_more_groups_at_once_than_the_cache_holds_are_all_read(tmp_path):
    bank = Bank(tmp_path / "bank", GEOMETRY, 32, cache_bytes=3 * WIDTH * 4)
    weights = {g: torch.randn(3, WIDTH) for g in range(10)}
    bank.write(weights, keys(*range(10)))
    found = bank.read(range(10))
    assert all(torch.equal(found[g, :3], weights[g]) for g in range(10))
    assert len(bank._cache) == 1


def test_the_least_recently_used_group_goes_first():
    cache = ExpertCache(3 * 4 * 8)
    for group in (1, 2, 3):
        cache.put(group, torch.full((1, 8), float(group)))
    assert cache.get(1) is not None
    cache.put(4, torch.zeros(1, 8))
    assert [group in cache for group in (1, 2, 3, 4)] == [True, False, True, True]
    cache.put(5, torch.zeros(2, 8))
    assert [group in cache for group in (1, 3, 4, 5)] == [False, False, True, True]
    assert cache.used_bytes == 3 * 4 * 8
    cache.put(5, torch.zeros(1, 8))
    assert cache.used_bytes == 2 * 4 * 8


def test_a_group_larger_than_the_whole_cache_is_read_and_drives_nothing_out(tmp_path):
    bank = Bank(tmp_path / "bank", GEOMETRY, 32, cache_bytes=2 * WIDTH * 4)
    weights = {1: torch.randn(2, WIDTH), 2: torch.randn(8, WIDTH)}
    bank.write(weights, keys(1, 2))
    for g in (1, 2, 1):
        assert torch.equal(bank.read([g])[0, : len(weights[g])], weights[g])
    assert 1 in bank._cache
    assert 2 not in bank._cache


def test_the_cache_holds_no_more_memory_than_it_counts():
    cache = ExpertCache(10_000)
    cache.put(1, torch.zeros(100, 8)[:1])
    assert cache.get(1).untyped_storage().nbytes() == cache.used_bytes == 32


@pytest.mark.parametrize(
    ("group", "shape", "message"),
    [(64, (3, WIDTH), "outside the bank's 64 groups"), (5, (9, WIDTH), "wanted at most 8")],
)
def test_experts_that_do_not_fit_are_refused_and_change_nothing(bank, group, shape, message):
    bank.write({5: torch.ones(3, WIDTH)}, keys(5))
    with pytest.raises(BankError, match=message):
        bank.write({1: torch.randn(3, WIDTH), group: torch.randn(shape)}, keys())
    assert bank.num_experts() == 3


def test_a_bank_never_written_says_so(bank):
    with pytest.raises(BankError, match="no bank version"):
        bank.open()


def flipped(path, at, bit=0x40):
    """Replace the file by one with one bit flipped, as a disk or a copy that went wrong would."""
    data = bytearray(path.read_bytes())
    data[at] ^= bit
    path.with_suffix(".part").write_bytes(data)
    path.with_suffix(".part").replace(path)


def file_with(folder, part):
    (found,) = [path for path in folder.glob("data/*.lance") if part in path.read_bytes()]
    return found, found.read_bytes().index(part)


def test_a_flipped_bit_of_an_expert_is_named_before_it_is_read_and_others_are_read(bank):
    weights = {5: torch.randn(3, WIDTH), 6: torch.randn(3, WIDTH)}
    version = bank.write(weights, keys(5, 6))
    path, at = file_with(bank.folder / "experts.lance", weights[5][1].numpy().tobytes())
    flipped(path, at + 3)
    again = Bank(bank.folder, GEOMETRY, WIDTH)
    again.open(version)
    assert torch.equal(again.read([6])[0], weights[6])
    with pytest.raises(BankError, match=r"experts of groups \[5\] are not as written"):
        again.read([6, 5])
    assert again.damaged_groups() == [5]


def test_checksums_of_groups_that_an_update_leaves_alone_stay(bank):
    weights = {5: torch.randn(3, WIDTH), 6: torch.randn(3, WIDTH)}
    bank.write(weights, keys(5, 6))
    path, at = file_with(bank.folder / "experts.lance", weights[5][1].numpy().tobytes())
    flipped(path, at + 3)
    bank.write({6: torch.randn(2, WIDTH), 9: torch.randn(1, WIDTH)}, keys(5, 6, 9))
    assert bank.damaged_groups() == [5]


def test_an_expert_that_is_lost_or_stands_under_another_number_is_damage(bank):
    bank.write({5: torch.ones(3, WIDTH), 6: torch.ones(3, WIDTH)}, keys(5, 6))
    lance.dataset(str(bank.folder / "experts.lance")).delete("expert_id = 41")
    bank.open()
    assert bank.damaged_groups() == [5]


@pytest.mark.parametrize("part", [b"name seat", torch.ones(16).numpy().tobytes()])
def test_a_flipped_bit_of_the_table_of_keys_is_named_when_it_is_opened(bank, part):
    table = dataclasses.replace(keys(5), keys_GK=torch.ones(1, 16))
    version = bank.write({5: torch.ones(3, WIDTH)}, table)
    path, at = file_with(bank.folder / "keys.lance", part)
    flipped(path, at)
    with pytest.raises(BankError, match="table of keys is not the one that was written"):
        Bank(bank.folder, GEOMETRY, WIDTH).open(version)


@pytest.mark.parametrize("name", ["experts", "keys"])
def test_files_of_rubbish_or_none_are_named_as_damage(bank, name):
    version = bank.write({5: torch.ones(3, WIDTH)}, keys(5))
    for spoil in (lambda p: p.write_bytes(b"\0" * p.stat().st_size), lambda p: p.unlink()):
        for path in (bank.folder / f"{name}.lance" / "data").iterdir():
            spoil(path)
        with pytest.raises(BankError, match=re.escape(str(bank.folder))):
            read_anew(bank, version)


def read_anew(bank, version):
    again = Bank(bank.folder, GEOMETRY, WIDTH)
    again.open(version)
    again.read([5])
