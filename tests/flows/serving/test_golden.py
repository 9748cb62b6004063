"""A golden set: what is taken from its file, and what counts as right, refused and wrong."""

import json
from types import SimpleNamespace

import pyarrow as pa
import pytest

from flows.errors import SettingsError
from flows.promotion.golden_tally import Tally
from flows.serving.golden_answers import ask_golden
from flows.serving.golden_page import write_golden_page
from flows.serving.golden_set import read_golden
from warehouse.snapshots import head


def written(tmp_path, *lines):
    path = tmp_path / "golden.jsonl"
    path.write_bytes(
        b"\n".join(x if isinstance(x, bytes) else json.dumps(x).encode() for x in lines)
    )
    return path


GOOD = {"question": "capital of France?", "expected": "Paris"}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "not JSON"),
        (b"\xff\xfe", "not UTF-8"),
        (b"[" * 100_000, "not JSON"),
        ([], "not an object"),
        ({"question": "?"}, "expected is missing"),
        ({"question": " ", "expected": "x"}, "question must be"),
        ({"question": "\ud800", "expected": "x"}, "question must be"),
        ({"question": "?", "expected": 3}, "expected must be"),
        ({"question": "?", "expected": ["x", ""]}, "expected must be"),
        ({**GOOD, "kind": 1}, "kind must be"),
        ({**GOOD, "mode": "guess"}, "must be one of model, memory, rows"),
        ({**GOOD, "quest": "x"}, "unknown field 'quest'"),
    ],
)
def test_a_bad_line_is_put_aside_with_its_reason_and_the_others_are_taken(tmp_path, line, reason):
    given = read_golden(written(tmp_path, GOOD, line, b"", GOOD))
    assert [question.line for question in given.questions] == [1, 4]
    (bad,) = given.quarantined
    assert bad.line == 2
    assert reason in bad.reason


def test_a_file_without_a_question_is_refused_with_the_first_reason(tmp_path):
    with pytest.raises(SettingsError, match="line 1: expected is missing"):
        read_golden(written(tmp_path, {"question": "?"}))
    with pytest.raises(SettingsError, match="cannot be read"):
        read_golden(tmp_path / "none.jsonl")


def model_saying(snapshot, memory, backbone):
    """A model whose memory says texts by prompt, and whose backbone says one thing."""
    facts = snapshot.facts().to_pylist()
    prompts_seen = []

    def answer(prompts, groups=None, **options):
        prompts_seen.append(list(prompts))
        said = (None if groups else memory.get(prompt) for prompt in prompts)
        return [
            SimpleNamespace(
                text=backbone if groups else text or "",
                from_memory=text is not None,
                group=None if text is None else 0,
                experts=(),
                fact_ids=() if text is None else (facts[0]["fact_id"],),
                score=0.5,
                margin=0.5,
                reason="",
            )
            for text in said
        ]

    return SimpleNamespace(
        answer=answer,
        route=lambda prompts: [SimpleNamespace(nearest_group=7) for _ in prompts],
        table=SimpleNamespace(
            group_index_G=pa.array([7]).to_numpy(),
            row_of=lambda group: 0,
            fact_ids=[facts[0]["fact_id"]],
        ),
        seen=prompts_seen,
    )


def test_each_way_of_asking_is_counted_by_kind(published, tmp_path):
    snapshot = head(published / "warehouse")
    fact = snapshot.facts().to_pylist()[0]
    value = fact["answer"]
    path = written(
        tmp_path,
        {"question": "exact", "expected": value, "kind": "words"},
        {"question": "other case", "expected": [value.upper()], "kind": "words"},
        {"question": "not asked for", "expected": "Rome", "kind": "words"},
        {"question": "silent", "expected": value, "kind": "words"},
        {"question": "unlike the table", "expected": "Rome", "kind": "words"},
        {"question": "foreign", "expected": None, "kind": "foreign", "mode": "memory"},
        {"question": "hijacked", "expected": None, "kind": "foreign", "mode": "memory"},
    )
    says = dict.fromkeys(("exact", "other case", "not asked for", "hijacked"), value)
    model = model_saying(snapshot, {**says, "unlike the table": "Rome"}, f"It is {value}, I think.")
    found = ask_golden(model, snapshot, read_golden(path))
    memory = {one.question: (one.outcome, one.by) for one in found.answers if one.mode == "memory"}
    assert memory == {
        "exact": ("right", "exact"),
        "other case": ("right", "alias"),
        "not asked for": ("wrong", ""),
        "silent": ("refused", ""),
        "unlike the table": ("refused", ""),
        "foreign": ("right", "silence"),
        "hijacked": ("wrong", ""),
    }
    assert found.tally("memory", "words") == Tally(right=2, refused=2, wrong=1)
    assert found.tally("memory", "foreign") == Tally(right=1, wrong=1)
    assert found.tally("model") == found.tally("rows") == Tally(right=3, wrong=2)
    with_rows = model.seen[-1][0]
    assert with_rows == f"{fact['question']} {value}\nexact"

    write_golden_page(found, "k", tmp_path / "golden.html")
    page = (tmp_path / "golden.html").read_text()
    assert "2 right, 2 refused, 1 wrong" in page
    assert "unlike the table" in page
