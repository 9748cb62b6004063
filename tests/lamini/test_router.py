import pytest
import torch
from torch.nn.functional import normalize

from lamini.config import RouterConfig
from lamini.errors import ConfigError
from lamini.router import GroupKeys, QueryEncoder, fit_codebooks, hash_ngrams

from .conftest import ROUTER


@pytest.fixture
def keys_GK():
    return normalize(torch.randn(200, 64), dim=-1)


def all_cell_scores(product_keys, query_BK):
    first, second = query_BK.chunk(2, dim=-1)
    row = -torch.cdist(first, product_keys.codebook_2SE[0]).square()
    column = -torch.cdist(second, product_keys.codebook_2SE[1]).square()
    return (row[:, :, None] + column[:, None, :]).flatten(1)


def test_the_nearest_cells_are_exactly_those_of_brute_force(keys_GK):
    product_keys = fit_codebooks(keys_GK, 24)
    query_BK = normalize(torch.randn(50, 64), dim=-1)
    expected = all_cell_scores(product_keys, query_BK).topk(10, dim=-1)
    found = product_keys.nearest_cells(query_BK, 10)
    scores = all_cell_scores(product_keys, query_BK).gather(1, found)
    torch.testing.assert_close(scores, expected.values)


def test_a_groups_own_key_routes_to_it_and_a_far_query_to_none(keys_GK):
    table = GroupKeys(
        range(100, 300), keys_GK, fit_codebooks(keys_GK, 16), num_cells=32, threshold=0.6
    )
    routes = table.route(keys_GK)
    assert [route.group for route in routes] == list(range(100, 300))
    assert all(route.score > 0.999 for route in routes)
    far = table.route(normalize(torch.randn(20, 64), dim=-1))
    assert [route.group for route in far] == [None] * 20
    assert all(route.margin > 0 for route in far)


def test_re_ranking_finds_the_nearest_key_of_brute_force(keys_GK):
    product_keys = fit_codebooks(keys_GK, 16)
    table = GroupKeys(range(200), keys_GK, product_keys, num_cells=64, threshold=-1.0)
    query_BK = normalize(keys_GK + 0.05 * torch.randn_like(keys_GK), dim=-1)
    brute = (query_BK @ keys_GK.T).argmax(-1).tolist()
    found = [route.group for route in table.route(query_BK)]
    assert sum(a == b for a, b in zip(found, brute, strict=True)) >= 198


def test_codebooks_may_be_larger_than_the_number_of_keys():
    keys_GK = normalize(torch.randn(3, 64), dim=-1)
    table = GroupKeys([5, 7, 9], keys_GK, fit_codebooks(keys_GK, 16), num_cells=8, threshold=0.5)
    assert [route.group for route in table.route(keys_GK)] == [5, 7, 9]


def test_an_empty_table_reads_nothing():
    keys_GK = normalize(torch.randn(3, 64), dim=-1)
    table = GroupKeys([], torch.empty(0, 64), fit_codebooks(keys_GK, 4), num_cells=8, threshold=0.5)
    assert table.route(keys_GK)[0].group is None


def test_i5_a_query_does_not_depend_on_padding():
    encoder = QueryEncoder(32, ROUTER).eval()
    ids_BL, state_BLD = torch.randint(0, 99, (1, 5)), torch.randn(1, 5, 32)
    alone = encoder(ids_BL, state_BLD, torch.ones(1, 5, dtype=torch.bool))
    padded = encoder(
        torch.cat([ids_BL, torch.randint(0, 99, (1, 4))], dim=1),
        torch.cat([state_BLD, torch.randn(1, 4, 32)], dim=1),
        torch.tensor([[True] * 5 + [False] * 4]),
    )
    torch.testing.assert_close(alone, padded, atol=1e-6, rtol=1e-5)


def test_ngram_rows_depend_on_the_tokens_before():
    first, second = hash_ngrams(torch.tensor([[5, 6, 7], [9, 6, 7]]), 32_768)
    assert first[1, 0] == second[1, 0]
    assert first[1, 1] != second[1, 1]
    assert first[2, 1] == second[2, 1]
    assert first[2, 2] != second[2, 2]


def test_an_odd_key_width_is_refused():
    with pytest.raises(ConfigError, match="key_dim=63 must be even"):
        RouterConfig(key_dim=63)
