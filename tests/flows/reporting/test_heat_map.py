from datetime import datetime

import pytest

from flows.reporting.heat_map import facts_map, relations_map


@pytest.mark.slow
@pytest.mark.parametrize("number", [1, 40])
def test_heat_maps_are_pictures_for_any_number_of_checkpoints(tmp_path, number):
    cells = [
        {
            "relation": relation,
            "run_key": f"{i:08d}",
            "measured_at": datetime(2026, 1, 1, i % 24, i),
            "num_facts": 4,
            "num_memorized": i % 5,
            "subject": "Fiji $x_1$",
            "recall": 0.25,
        }
        for i in range(number)
        for relation in ("capital", "area")
    ]
    for path in (relations_map(cells, tmp_path), facts_map(cells, tmp_path)):
        assert path.read_bytes().startswith(b"\x89PNG")


def test_where_nothing_was_missed_the_map_says_so(tmp_path):
    assert facts_map([], tmp_path).is_file()
