"""A folder that somebody else made runs none of its code, whatever it is loaded as."""

import contextlib
import json
import pickle
import re
import shutil
from pathlib import Path

import pytest

from lamini.backbone.backbone import load_backbone
from lamini.backbone.sentences import load_sentences
from lamini.errors import BackboneError

ROOT = Path(__file__).parents[3]
CLASSES = {"AutoConfig": "evil.Evil", "AutoModelForCausalLM": "evil.Evil", "AutoModel": "evil.Evil"}


@pytest.fixture
def strange(tmp_path):
    """A copy of the embedded backbone beside code that leaves a file when it runs."""
    folder = tmp_path / "strange"
    shutil.copytree(ROOT / "lamini" / "embedded", folder, ignore=shutil.ignore_patterns("*.py"))
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Evil: ...\n")
    return folder


def change(path, **values):
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


@pytest.fixture
def asked(monkeypatch):
    """Says yes to whatever is asked on the terminal, and keeps what was."""
    questions = []
    monkeypatch.setattr("builtins.input", lambda question="": questions.append(question) or "y")
    return questions


@pytest.mark.parametrize("load", [load_backbone, load_sentences])
def test_a_model_with_code_of_its_own_is_refused_unasked(strange, asked, load):
    change(strange / "config.json", auto_map=CLASSES, model_type="evil")
    with pytest.raises(BackboneError, match="cannot load"):
        load(str(strange))
    assert asked == []
    assert not (strange.parent / "ran").exists()


def test_a_tokenizer_with_code_of_its_own_is_not_run(strange, asked):
    own = {"AutoTokenizer": ["evil.Evil", "evil.Evil"]}
    change(strange / "tokenizer_config.json", auto_map=own, tokenizer_class="Evil")
    with contextlib.suppress(BackboneError):
        load_backbone(str(strange))
    assert asked == []
    assert not (strange.parent / "ran").exists()


def test_pickled_weights_are_not_unpickled(strange):
    class Leaves:
        def __reduce__(self):
            return (open, (str(strange.parent / "ran"), "w"))

    (strange / "model.safetensors").unlink()
    (strange / "pytorch_model.bin").write_bytes(pickle.dumps({"x": Leaves()}))
    with pytest.raises(BackboneError, match="safetensors"):
        load_backbone(str(strange))
    assert not (strange.parent / "ran").exists()


def test_every_loading_through_an_auto_class_says_that_no_code_is_trusted():
    calls = re.compile(r"\bAuto\w+\.from_\w+\((?:[^()]|\([^()]*\))+\)")
    sources = [path for room in ("flows", "lamini") for path in (ROOT / room).rglob("*.py")]
    found = [call for path in sources for call in calls.findall(path.read_text())]
    found = [call for call in found if call != "AutoModelForCausalLM.from_pretrained(folder)"]
    assert len(found) == 5
    assert not [call for call in found if "trust_remote_code=False" not in call]
