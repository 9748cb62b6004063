import os
import shutil

import pytest
from typer.testing import CliRunner

MAPPING = """
name = "capitals"
path = "capitals.csv"
[claim]
subject = "country"
relation = { constant = "capital" }
value = "capital"
authority = "trust"
question = { template = "What is the capital of {subject}?" }
"""
ROWS = """country,capital,trust
France,Paris,2
Japan,Tokyo,1
France,Lyon,1
Spain,,1
"""


@pytest.fixture(autouse=True)
def environment_restored():
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


def write_capitals(folder):
    (folder / "capitals.csv").write_text(ROWS)
    (folder / "capitals.toml").write_text(MAPPING)
    return folder


@pytest.fixture
def mapping(tmp_path):
    """Four rows: two used, one contradicted, one quarantined."""
    return write_capitals(tmp_path) / "capitals.toml"


@pytest.fixture(scope="session")
def tokenizer_folder(tmp_path_factory):
    """The smallest thing that can stand as a backbone where only its tokenizer is asked."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.WordLevel({"<unk>": 0, "<eos>": 1}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    folder = tmp_path_factory.mktemp("tokenizer")
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", eos_token="<eos>"
    ).save_pretrained(folder)
    return folder


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LAMINI_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="session")
def published_once(tmp_path_factory, tokenizer_folder):
    """A folder with the table, its mapping, and the home of `published`."""
    from datetime import date

    from flows.ingest_facts import ingest_source
    from flows.reconcile_facts import reconcile_and_publish

    folder = write_capitals(tmp_path_factory.mktemp("published"))
    ingest_source.fn(folder / "home", str(folder / "capitals.toml"))
    reconcile_and_publish.fn(folder / "home", date(2026, 1, 1), str(tokenizer_folder), 64)
    return folder


@pytest.fixture
def published(home, mapping, published_once):
    """A home with the four rows ingested, reconciled and published."""
    return shutil.copytree(published_once / "home", home)


@pytest.fixture
def lamini():
    """Runs the program in this process."""
    from flows.cli import app

    return lambda *words, input=None: CliRunner().invoke(app, [str(w) for w in words], input)
