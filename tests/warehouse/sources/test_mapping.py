import pytest

from warehouse.claims import RelationRule
from warehouse.errors import MappingError
from warehouse.sources import load_mapping

LONG = 'path = "t.csv"\n[claim]\nsubject = "s"\nvalue = "v"\nquestion = "q"\n'


def write(tmp_path, text):
    path = tmp_path / "m.toml"
    path.write_text(text)
    return path


def test_a_good_mapping_has_its_paths_resolved_and_its_defaults_filled(tmp_path):
    mapping = load_mapping(write(tmp_path, LONG + '[relations.r]\nslot = "multi_valued"\n'))
    assert (mapping.name, mapping.format, mapping.authority) == ("m", "csv", 1.0)
    assert mapping.path == tmp_path / "t.csv"
    assert mapping.given_path == "t.csv"
    assert mapping.relations == {"r": RelationRule(slot="multi_valued")}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path = ", "is not valid TOML: Invalid value"),
        (LONG.replace("value", "valeu"), r"unknown key claim\.valeu; did you mean 'value'\? keys"),
        ("pth = 'x'\n" + LONG, "unknown key pth; did you mean 'path'"),
        ("zzzz = 'x'\n" + LONG, "unknown key zzzz; keys: authority, claim"),
        (LONG.replace('value = "v"', ""), r"claim\.value is required"),
        (LONG.replace('question = "q"', ""), r"map claim\.question or claim\.cloze, or give a"),
        (LONG.replace('"v"', "3"), r"claim\.value = 3 must be a column's name or one of"),
        (LONG.replace('"v"', "{ colunm = 'x' }"), r"must be a column's name or one of \{ column"),
        (LONG.replace("t.csv", "t.xls"), "cannot tell the format of t.xls; set format to one of"),
        (LONG.replace("t.csv", "t.duckdb"), "needs either `table` or `query`"),
        ("table = 'x'\n" + LONG, "are for DuckDB files, this is csv"),
        ("authority = 'high'\n" + LONG, "authority = 'high' must be a number"),
        ("path = 't.csv'\n", r"give either \[claim\]"),
        (LONG + "[wide]\n", r"give either \[claim\]"),
        ("path = 't.csv'\n[wide]\nsubject = 's'\n", r"wide\.values is required"),
        ("path = 't.csv'\n[wide]\nsubject = 's'\nvalues = {}\n", "names no column"),
        (
            "path = 't.csv'\n[wide]\nsubject = 's'\n[wide.values.a]\nrelation = 'r'\n",
            r"map wide\.values\.a\.question or",
        ),
        (LONG + "[csv]\ncolumns = 1\n", r"csv\.columns = 1 must be a list of texts"),
        (LONG + '[csv]\nencoding = "\\u0000"\n', "is no encoding; such as utf-8"),
        (LONG.replace('"q"', "{ template = 1 }"), r"claim\.question = 1 must be a text"),
        (
            LONG + "[contract.columns.a]\ntyp = 'text'\n",
            r"unknown key contract\.columns\.a\.typ; did you mean 'type'",
        ),
        (LONG + "[contract.columns.a]\nmax_null_share = nan\n", "must lie between 0 and 1"),
        (LONG + "[relations.r]\nslots = 1\n", r'unknown key relations\."r"\.slots; did you mean'),
        (LONG + "[relations.r]\nslot = 1\n", r'relations\."r"\.slot = 1; there are: multi'),
    ],
)
def test_a_bad_mapping_is_refused_by_the_name_of_its_key(tmp_path, text, message):
    with pytest.raises(MappingError, match=message):
        load_mapping(write(tmp_path, text))


def test_a_missing_mapping_names_the_nearest(tmp_path):
    write(tmp_path, LONG)
    with pytest.raises(MappingError, match=r"no mapping file .*mm\.toml; did you mean 'm\.toml'"):
        load_mapping(tmp_path / "mm.toml")


def test_a_mapping_in_another_encoding_is_refused(tmp_path):
    path = tmp_path / "m.toml"
    path.write_bytes(b'name = "caf\xe9"\n')
    with pytest.raises(MappingError, match="is not UTF-8 text"):
        load_mapping(path)


@pytest.mark.parametrize("name", ["sales/emea", "Preise 100%", "x>y", "R&D", "a<b", "a\\tb"])
def test_a_name_that_no_deployment_may_have_is_refused_where_the_mapping_is_read(tmp_path, name):
    with pytest.raises(MappingError, match="set name to another one") as caught:
        load_mapping(write(tmp_path, f'name = "{name}"\n{LONG}'))
    assert caught.value.where.key == "name"
    (tmp_path / "R&D.toml").write_text(LONG)
    with pytest.raises(MappingError, match="name = 'R&D' holds"):
        load_mapping(tmp_path / "R&D.toml")
