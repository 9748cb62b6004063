import pytest

from warehouse.errors import MappingError
from warehouse.sources import load_mapping
from warehouse.sources.registry import add, find, registered

CLAIM = '[claim]\nsubject = "s"\nvalue = "v"\nquestion = "q"\n'


@pytest.fixture
def mapping(tmp_path):
    def make(text, name="m.toml"):
        path = tmp_path / "given" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    return make


def test_a_registered_mapping_is_the_same_with_its_path_made_absolute(tmp_path, mapping):
    given = mapping(f"# ours\npath = '../t.csv' # here\n{CLAIM}[contract]\nmin_rows = 1\n")
    kept = add(tmp_path / "sources", given)
    assert kept.file == tmp_path / "sources" / "m.toml"
    assert kept.options.location == load_mapping(given).options.location
    assert (kept.name, kept.views) == ("m", load_mapping(given).views)
    assert "# ours" in kept.file.read_text()
    assert registered(tmp_path / "sources") == [kept.file]


def test_registering_again_replaces_and_a_name_finds_it(tmp_path, mapping):
    folder = tmp_path / "sources"
    add(folder, mapping(f"name = 'a b'\npath = 't.csv'\n{CLAIM}"))
    add(folder, mapping(f"name = 'a b'\npath = 'u.csv'\n{CLAIM}"))
    assert [path.name for path in registered(folder)] == ["a b.toml"]
    assert load_mapping(find(folder, "a b")).path.name == "u.csv"
    assert find(folder, "other/x.toml").name == "x.toml"
    with pytest.raises(MappingError, match=r"no source .a.; .*registered sources: a b"):
        find(folder, "a")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"name = '../evil'\npath = 't.csv'\n{CLAIM}", "set name to another one"),
        (f"name = '.hidden'\npath = 't.csv'\n{CLAIM}", "must be letters"),
        (f"\"path\" = 't.csv'\n{CLAIM}", "on a line of its own"),
        (f"pth = 't.csv'\n{CLAIM}", "unknown key pth"),
    ],
)
def test_what_cannot_be_kept_is_refused_and_nothing_is_kept(tmp_path, mapping, text, message):
    with pytest.raises(MappingError, match=message):
        add(tmp_path / "sources", mapping(text))
    assert registered(tmp_path / "sources") == []
    assert not list(tmp_path.glob("sources/.*"))


def test_urls_and_databases_keep_what_they_have(tmp_path, mapping):
    kept = add(tmp_path / "s", mapping(f"path = 's3://b/t.csv'\n{CLAIM}"))
    assert kept.options.location == "s3://b/t.csv"
    text = f"format = 'postgresql'\ndsn_env = 'A_DSN'\ntable = 't'\n{CLAIM}"
    assert add(tmp_path / "s", mapping(text, "p.toml")).options.dsn_env == "A_DSN"
