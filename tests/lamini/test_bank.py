import pytest
import torch

from lamini.bank import Bank, GroupKey
from lamini.errors import BankError
from lamini.experts import pack, unpack

from .conftest import GEOMETRY

WIDTH = 2 * 2 * 32


@pytest.fixture
def bank(tmp_path):
    return Bank(tmp_path / "bank", GEOMETRY, 32)


def key(group, fact="f"):
    return GroupKey(
        group_index=group, fact_id=fact, num_experts=3, subject="", key_K=torch.randn(16)
    )


def test_written_experts_come_back_bit_for_bit_and_unwritten_ones_are_zero(bank):
    weights = {5: torch.randn(3, WIDTH), 40: torch.randn(8, WIDTH)}
    bank.write(weights, [key(5), key(40)])
    experts = bank.read([40, 5, 40])
    stored = torch.cat(
        [part for pair in zip(experts.down_NGD, experts.up_NGD, strict=True) for part in pair], -1
    )
    assert torch.equal(stored[0], weights[40])
    assert torch.equal(stored[2], weights[40])
    assert torch.equal(stored[1, :3], weights[5])
    assert not stored[1, 3:].any()
    assert bank.num_experts() == 11


def test_a_group_never_written_reads_as_zeros(bank):
    bank.write({5: torch.randn(3, WIDTH)}, [key(5)])
    experts = bank.read([7])
    assert not any(part.any() for part in (*experts.down_NGD, *experts.up_NGD))


def test_writing_twice_is_the_same_as_writing_once(bank):
    weights = {5: torch.randn(3, WIDTH), 6: torch.randn(2, WIDTH)}
    for _ in range(2):
        bank.write(weights, [key(5), key(6)])
    assert bank.num_experts() == 5


def test_an_old_version_stays_readable_after_a_later_write(bank):
    old = {5: torch.randn(3, WIDTH)}
    version = bank.write(old, [key(5, "old")])
    bank.write({5: torch.randn(3, WIDTH)}, [key(5, "new")])
    bank.open(version)
    assert torch.equal(bank.read([5]).down_NGD[0][0, :3], old[5][:, :32])
    assert [k.fact_id for k in bank.group_keys()] == ["old"]


def test_a_later_write_leaves_every_other_expert_byte_identical(bank):
    weights = {5: torch.randn(3, WIDTH), 6: torch.randn(3, WIDTH)}
    bank.write(weights, [key(5), key(6)])
    bank.write({5: torch.randn(3, WIDTH)}, [key(5), key(6)])
    assert torch.equal(bank.read([6]).up_NGD[1][0, :3], weights[6][:, 96:])


def test_the_cache_stays_within_its_bytes_and_answers_the_same(tmp_path):
    bank = Bank(tmp_path / "bank", GEOMETRY, 32, cache_bytes=3 * 3 * WIDTH * 4)
    weights = {g: torch.randn(3, WIDTH) for g in range(10)}
    bank.write(weights, [key(g) for g in range(10)])
    for g in [*range(10), *range(10)]:
        assert torch.equal(bank.read([g]).down_NGD[0][0, :3], weights[g][:, :32])
        assert len(bank._cache) <= 3


@pytest.mark.parametrize(
    ("group", "shape", "message"),
    [(64, (3, WIDTH), "outside the bank's 64 groups"), (5, (9, WIDTH), "wanted at most 8")],
)
def test_experts_that_do_not_fit_are_refused_and_change_nothing(bank, group, shape, message):
    bank.write({5: torch.ones(3, WIDTH)}, [key(5)])
    with pytest.raises(BankError, match=message):
        bank.write({1: torch.randn(3, WIDTH), group: torch.randn(shape)}, [])
    assert bank.num_experts() == 3


def test_a_bank_never_written_says_so(bank):
    with pytest.raises(BankError, match="no bank version"):
        bank.open()


def test_unpacking_undoes_packing():
    down, up = [torch.randn(4, 32) for _ in range(2)], [torch.randn(4, 32) for _ in range(2)]
    experts = unpack(pack(down, up)[None], 2, 32)
    for layer in range(2):
        assert torch.equal(experts.down_NGD[layer][0], down[layer])
        assert torch.equal(experts.up_NGD[layer][0], up[layer])
