"""CSV as the world writes it: read as it is meant, or told of in words."""

import csv
import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse.errors import SourceError
from warehouse.sources import load_mapping, read_source

CLAIM = '[claim]\nsubject = "s"\nvalue = "v"\nquestion = { template = "Capital of {subject}?" }\n'
GOOD = [("Peru", "Lima"), ("Chad", "N'Djamena")]
LINES = "s,v\nPeru,Lima\nChad,N'Djamena\n"


@pytest.fixture
def read(tmp_path):
    def run(content, options="", name="t.csv"):
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        (tmp_path / "m.toml").write_text(f'path = "{name}"\n[csv]\n{options}\n{CLAIM}')
        return read_source(load_mapping(tmp_path / "m.toml"))

    return run


def said(batch):
    claims = batch.claims.filter(batch.claims["broken"].is_null())
    return list(zip(claims["subject"].to_pylist(), claims["value"].to_pylist(), strict=True))


@pytest.mark.parametrize(
    ("content", "options"),
    [
        ("sep=,\n" + LINES, ""),
        ("\ufeffsep=;\r\n" + LINES.replace(",", ";"), ""),
        ('"sep=|"\n' + LINES.replace(",", "|"), ""),
        ("A title\n\nSource, of it\n" + LINES, "skip = 3"),
        ("# a word\ns,v\nPeru,Lima\n# another, word\nChad,N'Djamena\n", 'comment = "#"'),
        ("text,text\ns,v\nname,name\nPeru,Lima\nChad,N'Djamena\n", "skip = 1\nskip_below = 1"),
        (",s,v\n0,Peru,Lima\n1,Chad,N'Djamena\n", ""),
        ("s,v,\nPeru,Lima,\nChad,N'Djamena,\n", ""),
        (LINES.encode("utf-32"), 'encoding = "utf-32"'),
    ],
)
def test_what_is_no_row_is_left_out(read, content, options):
    assert said(read(content, options)) == GOOD


def test_a_comment_within_a_quoted_cell_stays(read):
    batch = read('# x\ns,v\nPeru,"Lima\n# 5"\n', 'comment = "#"')
    assert said(batch) == [("Peru", "Lima\n# 5")]


@pytest.mark.parametrize("start", ["A title\n\n", "# a\n# b\n", "Unit,of,it\nX,Y,Z\n"])
def test_lines_before_the_header_are_told_of_with_how_many_to_skip(read, start):
    number = start.count("\n")
    with pytest.raises(SourceError, match=rf"in line {number + 1}; .* skip = {number}"):
        read(start + LINES)


def test_escapes_are_read_where_they_are_declared(read):
    text = 's,v\nPeru,"The \\"City\\", Lima"\nChad\\, Rep.,N\'Djamena\n'
    assert said(read(text, 'escape = "\\\\"')) == [
        ("Peru", 'The "City", Lima'),
        ("Chad, Rep.", "N'Djamena"),
    ]


STRAY = {
    "an_escape": ('Fiji,"the \\"big\\" one"', r'escape = "\\\\"'),
    "two_escapes": ('Fiji,"Suva \\""\nMali,"Bamako \\""', r'escape = "\\\\"'),
    "an_open_quote": ('Fiji,"Suva\nMali,Bamako\nOman,the "best" port', "a cell of another line"),
    "an_inch": ('Fiji,"Suva\nMali,Bamako\nOman,Muscat\nKuba,12"', "4 lines together"),
}


@pytest.mark.parametrize("name", STRAY)
def test_lines_that_a_stray_quote_holds_together_are_set_apart_and_none_is_lost(read, name):
    lines, why = STRAY[name]
    batch = read(f"s,v\nPeru,Lima\n{lines}\nChad,N'Djamena\n")
    assert said(batch)[0] == GOOD[0]
    assert said(batch)[-1] == GOOD[1]
    broken = batch.claims.filter(batch.claims["broken"].is_valid())["broken"].to_pylist()
    assert any(why.replace("\\\\", "\\") in text for text in broken)
    kept = "\n".join(text for text in batch.raw["text"].to_pylist() if text)
    told = "\n".join(json.dumps(row, ensure_ascii=False) for row in batch.raw["given"].to_pylist())
    for line in lines.split("\n"):
        assert line in kept or line.split(",")[0] in told


CELLS = st.text(st.sampled_from('ab ,";\n\r\\é'), max_size=8)


@settings(max_examples=40, deadline=None, database=None)
@given(rows=st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=6))
@pytest.mark.slow
def test_what_the_csv_module_writes_is_read_or_set_apart_row_by_row(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("csv")
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([("s", "v", "w"), *rows])
    (folder / "t.csv").write_bytes(out.getvalue().encode())
    (folder / "m.toml").write_text(f'path = "t.csv"\n{CLAIM}')
    batch = read_source(load_mapping(folder / "m.toml"))
    assert batch.num_source_rows == len(rows)
    claims = batch.claims.sort_by("row").to_pylist()
    for claim, (subject, value, _) in zip(claims, rows, strict=True):
        if claim["broken"] is None:
            assert (claim["subject"] or "", claim["value"] or "") == (subject, value)


def test_what_is_called_latin_1_is_read_as_browsers_do(read):
    text = "s,v\nPeru,“Lima” – 5 €\n"
    assert said(read(text.encode("cp1252"), 'encoding = "latin-1"')) == [("Peru", "“Lima” – 5 €")]


def test_the_mark_of_utf_32_is_not_taken_for_that_of_utf_16(read):
    with pytest.raises(SourceError, match=r'set .csv. encoding = "utf-32"'):
        read(LINES.encode("utf-32"))


@pytest.mark.parametrize("name", ["rot13", "base64", "zip"])
def test_what_encodes_no_text_is_no_encoding(read, name):
    with pytest.raises(Exception, match="is no encoding; such as utf-8"):
        read(LINES, f'encoding = "{name}"')


@pytest.mark.parametrize("end", ["", "\n", " \r\n"])
def test_an_array_of_objects_is_read_as_lines_are(tmp_path, end):
    items = ['{"s": "Peru",\n "v": 1.10}', '{"s": "Chad", "v": [1]}', "7", '{"s": "a", "s": "b"}']
    (tmp_path / "t.json").write_text("[ " + " ,\n".join(items) + f" ]{end}")
    claim = CLAIM.replace('value = "v"', 'value = "s"')
    (tmp_path / "m.toml").write_text(f'path = "t.json"\n{claim}')
    batch = read_source(load_mapping(tmp_path / "m.toml"))
    broken = batch.claims.filter(batch.claims["broken"].is_valid())["row"].to_pylist()
    assert broken == [3, 4]
    assert said(batch) == [("Peru", "Peru"), ("Chad", "Chad")]
