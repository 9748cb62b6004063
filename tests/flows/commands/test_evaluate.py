import json

import pytest

from tests.flows.serving.test_golden import model_saying, written
from warehouse.snapshots import head


@pytest.mark.slow
def test_the_command_shows_all_three_and_what_was_put_aside(
    champion, published, lamini, monkeypatch, tmp_path
):
    snapshot = head(published / "warehouse")
    fact = champion.fact
    model = model_saying(snapshot, {"asked so": fact["answer"]}, "no idea")
    monkeypatch.setattr("lamini.load", lambda folder: model)
    path = written(tmp_path, {"question": "asked so", "expected": fact["answer"]}, b"{")
    told = json.loads(lamini("eval", path, "--json").stdout)
    assert told["totals"]["memory"] == {"right": 1, "refused": 0, "wrong": 0}
    assert told["totals"]["model"] == {"right": 0, "refused": 0, "wrong": 1}
    assert told["quarantined"][0]["line"] == 2
    shown = lamini("eval", path)
    [row] = [line for line in shown.stdout.splitlines() if line.startswith("│ all")]
    assert [cell.strip() for cell in row.split("│")[2:6]] == ["1", "0", "0", "0 right"]
    assert "put aside, line 2: not JSON" in shown.stdout
    assert told["page"] in shown.stdout.replace("\n", "")
    assert lamini("eval", tmp_path / "none.jsonl").exit_code == 3
