import numpy as np

from warehouse.truth import TruthConfig
from warehouse.truth.copying import copy_groups


def meetings(shown: np.ndarray) -> tuple:
    size = len(shown)
    pairs = [(i, j) for i in range(size) for j in range(i + 1, size)]
    links = np.array([i * size + j for i, j in pairs])
    same = np.array([int((shown[i] == shown[j]).sum()) for i, j in pairs])
    return (links, np.full(len(links), shown.shape[1])), (links, same)


def draw_sites(seed: int, accuracies: list[float], num_slots: int = 300) -> np.ndarray:
    draw = np.random.default_rng(seed)
    return np.stack(
        [
            np.where(draw.random(num_slots) < a, 0, draw.integers(1, 30, num_slots))
            for a in accuracies
        ]
    )


def test_independent_sources_form_no_group_however_good_they_are():
    for seed, accuracies in enumerate([[0.99, 0.98, 0.97, 0.6], [0.9] * 6, [0.5, 0.6, 0.7, 0.8]]):
        shown = draw_sites(seed, accuracies)
        groups = copy_groups(len(shown), *meetings(shown), TruthConfig())
        assert (groups == -1).all()


def test_copies_of_a_bad_source_are_found():
    shown = draw_sites(1, [0.9, 0.85, 0.8, 0.5, 0.5, 0.5])
    shown[4] = shown[5] = shown[3]
    groups = copy_groups(6, *meetings(shown), TruthConfig())
    assert groups[3] == groups[4] == groups[5] != -1
    assert (groups[:3] == -1).all()


def test_two_cliques_are_two_groups():
    shown = draw_sites(2, [0.9, 0.85, 0.8, 0.5, 0.5, 0.6, 0.6])
    shown[4], shown[6] = shown[3], shown[5]
    groups = copy_groups(7, *meetings(shown), TruthConfig())
    assert groups[3] == groups[4] != -1
    assert groups[5] == groups[6] != -1
    assert groups[3] != groups[5]


def test_sources_that_hardly_meet_are_not_judged():
    shown = np.zeros((2, 5))
    assert (copy_groups(2, *meetings(shown), TruthConfig()) == -1).all()
