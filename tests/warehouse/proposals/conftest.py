import pytest

from warehouse.proposals import as_toml, propose
from warehouse.sources import load_mapping, read_source


@pytest.fixture
def proposed(tmp_path, monkeypatch):
    """Write a table, propose a mapping for it, and read both: the proposal and its claims."""
    monkeypatch.chdir(tmp_path)

    def run(name, content, **named):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        out = tmp_path / "mapping.toml"
        proposal = propose(name, out, **named)
        out.write_text(as_toml(proposal, lambda r: [f"What is the {r.called} of {{subject}}?"]))
        return proposal, read_source(load_mapping(out))

    return run
