import pytest
import torch
from torch.nn.functional import normalize

from lamini.bank.evidence import Words, WordWeights, phrasing_words, subject_words
from lamini.config import RouterConfig
from lamini.errors import ConfigError
from lamini.router.group_keys import GroupKeys
from lamini.router.query_encoder import ProductKeys, QueryEncoder, fit_codebooks, hash_ngrams
from tests.lamini.conftest import ROUTER


@pytest.fixture
def keys_GK():
    return normalize(torch.randn(200, 64), dim=-1)


def brute_force_cells(product_keys, query_BK, num_cells):
    """All cells of the square, sorted by the stated order: sum, first sub-key, second sub-key."""
    ranked = []
    for half_BE, codebook_SE in zip(query_BK.chunk(2, -1), product_keys.codebook_2SE, strict=True):
        score_BS = -torch.cdist(half_BE, codebook_SE).square()
        ranked.append(score_BS.sort(dim=-1, descending=True, stable=True))
    side = product_keys.codebook_2SE.shape[1]
    score_BN = (ranked[0].values[:, :, None] + ranked[1].values[:, None, :]).flatten(1)
    cell_BN = (ranked[0].indices[:, :, None] * side + ranked[1].indices[:, None, :]).flatten(1)
    score_BN, order_BN = score_BN.sort(dim=-1, descending=True, stable=True)
    return cell_BN.gather(1, order_BN[:, :num_cells]), score_BN[:, :num_cells]


@pytest.mark.slow
@pytest.mark.parametrize("num_subkeys", [1, 3, 24, 181, 1024])
@pytest.mark.parametrize("num_cells", [1, 10, 32])
def test_the_nearest_cells_are_exactly_those_of_brute_force(num_subkeys, num_cells):
    product_keys = ProductKeys(codebook_2SE=torch.randn(2, num_subkeys, 8))
    query_BK = torch.randn(5, 16)
    cell_BC, score_BC = product_keys.scored_cells(query_BK, num_cells)
    expected_BC, expected_score_BC = brute_force_cells(product_keys, query_BK, num_cells)
    assert torch.equal(cell_BC, expected_BC)
    assert torch.equal(score_BC, expected_score_BC)
    assert cell_BC.shape == (5, min(num_cells, num_subkeys**2))


@pytest.mark.parametrize("num_subkeys", [4, 40, 200])
def test_equal_cells_come_in_the_order_of_their_sub_keys(num_subkeys):
    # Points of a coarse lattice: distances are small whole numbers, most of them equal.
    product_keys = ProductKeys(codebook_2SE=torch.randint(0, 2, (2, num_subkeys, 3)).float())
    query_BK = torch.randint(0, 2, (20, 6)).float()
    cell_BC, score_BC = product_keys.scored_cells(query_BK, 32)
    assert (score_BC[:, 1:] == score_BC[:, :-1]).float().mean() > 0.3
    assert torch.equal(cell_BC, brute_force_cells(product_keys, query_BK, 32)[0])


def test_of_many_equal_cells_the_lowest_numbers_are_found():
    product_keys = ProductKeys(codebook_2SE=torch.zeros(2, 100, 3))
    assert product_keys.nearest_cells(torch.randn(4, 6), 32).tolist() == [list(range(32))] * 4


def test_the_cells_of_a_query_do_not_depend_on_its_batch(keys_GK):
    product_keys = fit_codebooks(keys_GK, 24)
    query_BK = normalize(torch.randn(50, 64), dim=-1)
    together = product_keys.nearest_cells(query_BK, 32)
    alone = torch.cat([product_keys.nearest_cells(query[None], 32) for query in query_BK])
    assert torch.equal(together, alone)


def test_codebooks_of_many_keys_are_fitted_on_a_sample(keys_GK):
    many_GK = normalize(keys_GK[torch.arange(4000) % 200] + 0.01 * torch.randn(4000, 64), dim=-1)
    product_keys = fit_codebooks(many_GK, 8)
    assert product_keys.codebook_2SE.shape == (2, 8, 32)
    assert product_keys.cells_of(many_GK).unique().numel() > 20


def a_table(groups, keys_GK, product_keys, num_cells, threshold, subjects=None, phrasings=None):
    return GroupKeys(
        groups,
        keys_GK,
        subjects or [""] * len(groups),
        phrasings or [frozenset()] * len(groups),
        product_keys,
        WordWeights.of(["what is the code of it", "and the name of it"]),
        RouterConfig(num_cells=num_cells, explained_share=0.3 if phrasings else 0.0),
        threshold=threshold,
        unnamed_threshold=0.95,
    )


def test_a_fact_whose_subject_is_not_named_needs_more(keys_GK):
    pair_GK = normalize(torch.stack([keys_GK[0], keys_GK[0] + 0.5 * keys_GK[1]]), dim=-1)
    query_BK = pair_GK[:1]
    subjects = [subject_words(name, []) for name in ("Laos", "São Tomé")]
    table = a_table([3, 4], pair_GK, fit_codebooks(pair_GK, 4), 16, 0.6, subjects)
    texts = ["code of LAOS?", "the code of são  tomé, please", "code of Laotia", "Laos or São Tomé"]
    routes = table.route(query_BK.expand(4, -1), texts)
    # The third names neither: the key itself is near enough, for it is the very query.
    assert [route.group for route in routes] == [3, 4, 3, 3]
    nearly_BK = normalize(query_BK + 0.5 * keys_GK[2:3], dim=-1)
    silent = table.route(nearly_BK, ["code of Laotia"])[0]
    assert silent.group is None
    assert silent.nearest_group == 3
    assert silent.excess < 0 < silent.margin


def test_a_code_is_not_the_word_that_it_looks_like():
    iceland = subject_words("IS", ["What is the country of IS?"])
    assert Words("Which land has the letters IS, please?").name(iceland)
    assert not Words("What is the country of DE?").name(iceland)
    assert Words("country of is").name(iceland)
    assert Words("LAOS?").name(subject_words("Laos", ["code of Laos"]))
    aviation = subject_words("GE Aviation", ["Who owns GE Aviation?", "ge aviation owner"])
    assert aviation
    assert Words("who owns ge aviation").name(aviation)


def test_scripts_without_spaces_have_words_too():
    japan = subject_words("日本", ["日本の首都はどこですか", "首都 日本"])
    assert Words("日本の人口は").name(japan)
    assert not Words("本日の天気は").name(japan)


def test_what_a_fact_does_not_explain_counts_by_its_rarity():
    weights = WordWeights.of(["what is the code of Laos", "what is the name of Laos"] * 5)
    phrasing = frozenset(phrasing_words(" laos ", ["What is the code of Laos?"]).split())
    assert "laos" not in phrasing
    known = weights.explained(Words("What is the code of Laos?").plain, phrasing, " laos ")
    common = weights.explained(Words("the code of Laos, what").plain, phrasing, " laos ")
    rare = weights.explained(Words("What is the area of Laos?").plain, phrasing, " laos ")
    assert known == common == 1.0
    assert rare < 0.6
    assert weights.explained(["laos"], phrasing, " laos ") == 1.0


def test_the_fact_that_explains_the_words_wins_over_a_slightly_nearer_key(keys_GK):
    pair_GK = normalize(torch.stack([keys_GK[0], keys_GK[0] + 0.3 * keys_GK[1]]), dim=-1)
    phrasings = [frozenset({"code"}), frozenset({"name"})]
    laos = [subject_words("Laos", [])] * 2
    table = a_table([3, 4], pair_GK, fit_codebooks(pair_GK, 4), 16, 0.6, laos, phrasings)
    routes = table.route(pair_GK[:1].expand(2, -1), ["Laos: name", "Laos: code"])
    assert [route.group for route in routes] == [4, 3]


def test_of_equal_keys_the_lowest_group_wins(keys_GK):
    same_GK = keys_GK[:1].expand(5, -1)
    table = a_table([7, 9, 12, 30, 31], same_GK, fit_codebooks(keys_GK, 4), 16, 0.5)
    route = table.route(same_GK[:1], [""])[0]
    assert route.group == 7
    assert route.margin < 1e-6


def test_a_named_subject_is_a_candidate_wherever_its_key_lies(keys_GK):
    product_keys = fit_codebooks(keys_GK, 16)
    subjects = [f" subject {row} " for row in range(200)]
    table = a_table(range(200), keys_GK, product_keys, 1, 0.5, subjects)
    rows = table.candidates(keys_GK[:1], [Words("Tell me of Subject 150, please")])[0]
    assert 150 in [table.groups[row] for row in rows]


def test_a_subject_that_its_own_phrasings_do_not_name_gives_no_evidence():
    assert (
        subject_words("Ferry Timetable", ["Who owns the ferry timetable?"]) == " ferry timetable "
    )
    assert subject_words("Ferry", ["Who owns the ferry?", "Who sails?"]) == ""
    assert subject_words("", ["Who?"]) == subject_words("?!", ["Who?!"]) == ""


def test_a_groups_own_key_routes_to_it_and_a_far_query_to_none(keys_GK):
    table = a_table(range(100, 300), keys_GK, fit_codebooks(keys_GK, 16), 32, 0.6)
    routes = table.route(keys_GK, [""] * 200)
    assert [route.group for route in routes] == list(range(100, 300))
    assert all(route.score > 0.999 for route in routes)
    far = table.route(normalize(torch.randn(20, 64), dim=-1), [""] * 20)
    assert [route.group for route in far] == [None] * 20
    assert all(route.margin > 0 for route in far)


def test_re_ranking_finds_the_nearest_key_of_brute_force(keys_GK):
    product_keys = fit_codebooks(keys_GK, 16)
    table = a_table(range(200), keys_GK, product_keys, 64, -1.0)
    query_BK = normalize(keys_GK + 0.05 * torch.randn_like(keys_GK), dim=-1)
    brute = (query_BK @ keys_GK.T).argmax(-1).tolist()
    found = [route.group for route in table.route(query_BK, [""] * 200)]
    assert sum(a == b for a, b in zip(found, brute, strict=True)) >= 198


def test_of_many_listed_keys_the_nearest_are_looked_at(keys_GK):
    table = a_table(range(200), keys_GK, fit_codebooks(keys_GK, 1), 1, -1.0)
    rows = table.candidates(keys_GK[:9], [Words("")] * 9)
    for query_K, found in zip(keys_GK[:9], rows, strict=True):
        wanted = (keys_GK @ query_K).topk(64).indices.tolist()
        assert [table.groups[row] for row in found] == sorted(wanted)


@pytest.mark.parametrize("width", [32, 256, 640])
def test_of_very_many_listed_keys_the_sketches_keep_the_nearest(width):
    keys_GK = normalize(torch.randn(3000, width), dim=-1)
    table = a_table(range(3000), keys_GK, fit_codebooks(keys_GK, 1), 1, -1.0)
    query_BK = normalize(keys_GK[:100] + 0.5 * normalize(torch.randn(100, width), dim=-1), dim=-1)
    routes = table.route(query_BK, [""] * 100)
    assert [route.nearest_group for route in routes] == (query_BK @ keys_GK.T).argmax(-1).tolist()


def test_codebooks_may_be_larger_than_the_number_of_keys():
    keys_GK = normalize(torch.randn(3, 64), dim=-1)
    table = a_table([5, 7, 9], keys_GK, fit_codebooks(keys_GK, 16), 8, 0.5)
    assert [route.group for route in table.route(keys_GK, [""] * 3)] == [5, 7, 9]


@pytest.mark.parametrize("num_facts", [1, 5, 30, 100])
def test_every_fact_of_a_small_table_is_found(num_facts):
    keys_GK = normalize(torch.randn(num_facts, 64), dim=-1)
    table = a_table(range(num_facts), keys_GK, fit_codebooks(keys_GK, 64), 32, 0.5)
    query_BK = normalize(keys_GK + 0.05 * torch.randn_like(keys_GK), dim=-1)
    routes = table.route(query_BK, [""] * num_facts)
    assert [route.group for route in routes] == list(range(num_facts))


def test_an_empty_table_reads_nothing():
    keys_GK = normalize(torch.randn(3, 64), dim=-1)
    table = a_table([], torch.empty(0, 64), fit_codebooks(keys_GK, 4), 8, 0.5)
    assert table.route(keys_GK, [""] * 3)[0].group is None


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
