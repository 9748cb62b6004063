"""A promoted checkpoint that stands in for a trained one where commands ask it."""

from types import SimpleNamespace

import pytest

from warehouse.snapshots import head


@pytest.fixture
def champion(published, monkeypatch):
    """Says the first fact's answer to everything; lists its loads and the refusals it was given."""
    fact = head(published / "warehouse").facts().to_pylist()[0]
    answer = SimpleNamespace(
        text=fact["answer"],
        from_memory=True,
        group=3,
        experts=(96, 97),
        fact_ids=(fact["fact_id"],),
        score=0.9,
        margin=0.2,
        reason="",
    )
    loaded, refusals = [], []
    model = SimpleNamespace(
        manifest={"backbone": {"reference": "embedded"}},
        asked=SimpleNamespace(
            carried_on=lambda before, text: text.replace("and", before.split(" of ")[0])
        ),
        answer=lambda prompts, refusal: (refusals.append(refusal), [answer for _ in prompts])[1],
    )
    monkeypatch.setattr("lamini.load", lambda folder, strict: loaded.append(folder) or model)
    (published / "checkpoint").mkdir()
    (published / "HEAD_CHECKPOINT.json").write_text('{"path": "checkpoint", "run_key": "k"}')
    return SimpleNamespace(fact=fact, says=answer, loaded=loaded, refusals=refusals)
