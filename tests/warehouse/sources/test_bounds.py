"""Input that is no table ends in words, within seconds and a bounded memory."""

import gzip
import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from warehouse.errors import MappingError, SourceError
from warehouse.sources import load_mapping, read_source

CLAIM = '[claim]\nsubject = "s"\nvalue = "v"\nquestion = { template = "Capital of {subject}?" }\n'
LINES = b"s,v\nPeru,Lima\n"


@pytest.fixture
def read(tmp_path):
    def run(path, top="", claim=CLAIM):
        (tmp_path / "m.toml").write_text(f'path = "{path}"\n{top}\n{claim}')
        return read_source(load_mapping(tmp_path / "m.toml"))

    return run


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet", "arrow"])
@pytest.mark.parametrize("kind", ["pipe", "device", "loop", "nowhere"])
def test_what_is_no_file_is_not_read(read, tmp_path, kind, form):
    path = tmp_path / "t"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path = "/dev/zero"
    else:
        path.symlink_to(path if kind == "loop" else tmp_path / "gone")
    with pytest.raises(SourceError, match="neither a file nor a folder"):
        read(path, f'format = "{form}"')


@pytest.mark.parametrize("kind", ["pipe", "device", "loop", "nest"])
def test_what_is_no_mapping_is_not_read(tmp_path, kind):
    path = tmp_path / "m.toml"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "loop":
        path.symlink_to(path)
    else:
        path.write_text("x = " + "[" * 3000 + "]" * 3000)
    with pytest.raises(MappingError, match=r"m\.toml"):
        load_mapping(path)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("[z-a].csv", "no pattern of file names"),
        ("~nosuchuser/t.csv", "no such file"),
        ("[!t].csv", "no such file"),
        ("a[b", "cannot tell the format"),
    ],
)
def test_a_path_that_names_nothing_is_told_of(read, tmp_path, path, words):
    (tmp_path / "t.csv").write_bytes(LINES)
    with pytest.raises((SourceError, MappingError), match=words):
        read(path)


def test_a_glob_chooses_by_sets_of_characters_as_a_shell_does(read, tmp_path):
    for name in ("a", "b", "!", "c"):
        (tmp_path / f"{name}.csv").write_bytes(LINES.replace(b"Peru", name.encode()))
    assert read("[ab!].csv").claims["subject"].to_pylist() == ["!", "a", "b"]
    assert read("[!ab!].csv").claims["subject"].to_pylist() == ["c"]


def test_a_name_that_is_no_utf_8_is_told_of(read, tmp_path):
    with open(os.fsencode(tmp_path) + b"/t\xff.csv", "wb") as file:  # noqa: PTH123
        file.write(LINES)
    with pytest.raises(SourceError, match="is no UTF-8"):
        read("t*.csv")


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_a_table_of_very_many_columns_is_refused(read, tmp_path, form):
    names = ["s", "v", *(f"c{index}" for index in range(3000))]
    if form == "csv":
        (tmp_path / "t.csv").write_text(",".join(names) + "\n" + ",".join(names) + "\n")
    elif form == "jsonl":
        cells = ", ".join(f'"{name}": 1' for name in names)
        (tmp_path / "t.jsonl").write_text(f"{{{cells}}}\n")
    else:
        pq.write_table(pa.table({name: ["x"] for name in names}), tmp_path / "t.parquet")
    with pytest.raises(SourceError, match="3002 columns, more than max_columns = 2000"):
        read(f"t.{form}")


def test_a_file_that_unpacks_to_very_much_is_refused_before_it_does(read, tmp_path):
    with gzip.open(tmp_path / "t.csv.gz", "wb", compresslevel=1) as file:
        for _ in range(5):
            file.write(b"a,b\n" * (1 << 18))
    with pytest.raises(SourceError, match="it holds more than max_mib = 4"):
        read("t.csv.gz", "max_mib = 4")
    (tmp_path / "t.csv").write_bytes(LINES * (1 << 17))
    with pytest.raises(SourceError, match="it holds more than max_mib = 1; raise that"):
        read("t.csv", "max_mib = 1")


def test_a_bomb_is_refused_before_it_unpacks(read, tmp_path):
    with gzip.open(tmp_path / "t.csv.gz", "wb", compresslevel=1) as file:
        for _ in range(70):
            file.write(b"a,b\n" * (1 << 18))
    with pytest.raises(SourceError, match="unpacks to more than 200 times its size"):
        read("t.csv.gz")


def test_gzip_streams_one_after_the_other_are_one_file(read, tmp_path):
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(LINES) + gzip.compress(b"Chad,Sarh\n"))
    assert read("t.csv.gz").claims["subject"].to_pylist() == ["Peru", "Chad"]


@pytest.mark.parametrize("text", ["[" * 3000 + "]" * 3000, '{"v":' * 3000 + "1" + "}" * 3000])
def test_deep_nesting_is_told_of(read, tmp_path, text):
    for name, content in {"t.jsonl": f'{{"s": "a", "v": {text}}}\n', "t.json": text}.items():
        (tmp_path / name).write_text(content)
        with pytest.raises(SourceError, match=name):
            read(name)


def test_an_authority_of_four_hundred_digits_is_refused_and_not_all_shown(read):
    with pytest.raises(MappingError, match=r"authority = 1000.*characters\) ") as caught:
        read("t.csv", f"authority = 1{'0' * 400}")
    assert len(str(caught.value)) < 400
