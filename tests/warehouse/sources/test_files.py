import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from warehouse.errors import MappingError, SourceError
from warehouse.intake import ingest
from warehouse.sources import load_mapping, read_source

CLAIM = '[claim]\nsubject = "s"\nvalue = "v"\nquestion = { template = "Capital of {subject}?" }\n'


@pytest.fixture
def read(tmp_path):
    def run(path, top="", claim=CLAIM):
        (tmp_path / "m.toml").write_text(f'path = "{path}"\n{top}\n{claim}')
        return read_source(load_mapping(tmp_path / "m.toml"))

    return run


@pytest.fixture
def prices(tmp_path):
    """A folder of Parquet files by year, and two of CSV."""
    for year, land in ((2023, "Peru"), (2024, "Chad")):
        folder = tmp_path / "lake" / f"year={year}"
        folder.mkdir(parents=True)
        pq.write_table(pa.table({"s": [land], "v": ["x"]}), folder / "part.parquet")
    (tmp_path / "lake" / "_SUCCESS.parquet").write_bytes(b"")
    (tmp_path / "lake" / "a.csv").write_text("s,v\nMali,y\nNiger\nTogo,\n")
    (tmp_path / "lake" / "b.csv").write_text("s,v\nOman,z\n,w\n")
    return tmp_path / "lake"


def subjects(batch):
    return batch.claims["subject"].to_pylist()


@pytest.mark.parametrize("path", ["lake", "lake/", "lake/**/*.parquet", "lake/year=*/part.parquet"])
def test_a_folder_and_a_glob_are_one_table_with_columns_of_the_folders_names(read, prices, path):
    batch = read(path, 'format = "parquet"', CLAIM + 'observed_at = "year"\n')
    assert subjects(batch) == ["Peru", "Chad"]
    assert batch.claims["observed_at"].to_pylist() == ["2023", "2024"]
    assert [held.file for held in batch.files] == [
        "lake/year=2023/part.parquet",
        "lake/year=2024/part.parquet",
    ]


@pytest.mark.slow
def test_origin_and_quarantine_name_the_file_and_its_own_row(memory, read, prices):
    con = memory()
    receipt = ingest(con, read("lake/*.csv"))
    assert (receipt.num_rows, receipt.num_accepted, receipt.num_quarantined) == (5, 2, 3)
    origins = con.execute("select file, row from origins order by file").fetchall()
    assert origins == [("lake/a.csv", 1), ("lake/b.csv", 1)]
    refused = con.execute("select file, row from quarantine order by file, row").fetchall()
    assert refused == [("lake/a.csv", 2), ("lake/a.csv", 3), ("lake/b.csv", 2)]


@pytest.mark.slow
def test_a_url_reads_as_the_path_does(memory, read, prices):
    plain = read("lake/*.csv")
    by_url = read(f"{prices.as_uri()}/*.csv")
    assert by_url.claims.equals(plain.claims)
    assert read((prices / "a.csv").as_uri()).claims.num_rows == 3
    with pytest.raises(SourceError, match="no such file"):
        read(f"{prices.as_uri()}/none.csv")


def test_files_of_one_column_in_types_that_do_not_meet_are_refused(read, tmp_path):
    (tmp_path / "d").mkdir()
    pq.write_table(pa.table({"s": ["a"], "v": ["x"]}), tmp_path / "d" / "1.parquet")
    pq.write_table(pa.table({"s": ["a"], "v": [["x"]]}), tmp_path / "d" / "2.parquet")
    with pytest.raises(SourceError, match="in types that do not go together"):
        read("d", 'format = "parquet"')


def test_csv_is_read_as_the_mapping_says(read, tmp_path):
    (tmp_path / "t.csv").write_bytes("Perú;'Li;ma'\n".encode("latin-1"))
    top = '[csv]\ndelimiter = ";"\nencoding = "latin-1"\nheader = false\nquote = "\'"\n'
    assert read("t.csv", top + 'columns = ["s", "v"]').claims.to_pylist()[0]["value"] == "Li;ma"
    (tmp_path / "t.tsv").write_text("s\tv\nPeru\tLima\n")
    assert subjects(read("t.tsv")) == ["Peru"]


@pytest.mark.parametrize(
    ("path", "top", "message"),
    [
        ("t.csv", '[csv]\ndelimeter = ";"', r"csv\.delimeter; did you mean 'delimiter'"),
        ("t.csv", '[csv]\ndelimiter = ";;"', r"csv\.delimiter = ';;' must be one ASCII"),
        ("t.csv", "[csv]\nheader = false", r"name the columns in csv\.columns"),
        ("t.csv", '[csv]\ncolumns = ["a"]', r"leave out csv\.columns"),
        ("t.csv", 'extract = "ful"', "extract = 'ful'; did you mean 'full'"),
        ("t.csv", 'extract = "full"\nwatermark = "d"', "give one of them"),
        ("t.csv", 'format = "parkett"', "format = 'parkett'; did you mean 'parquet'"),
        ("t.parquet", "[csv]\nheader = true", r"\[csv\] is for CSV files"),
        ("t.csv", 'dsn_env = "A"', "`dsn_env` is for postgresql"),
        ("t.csv", "[contract]\nmin_row = 3", r"contract\.min_row; did you mean 'min_rows'"),
        ("t.csv", '[contract]\nwarn = ["fresh"]', "names 'fresh', no check; did you mean 'fresh"),
        ("t.csv", '[contract.columns]\ns = "txt"', r"s\.type = 'txt'; did you mean 'text'"),
        ("t.csv", '[contract.columns]\ns = { matches = "[" }', "no regular expression"),
        ("t.csv", "[contract.columns]\ns = { max_null_share = 2 }", "between 0 and 1"),
        ("t.csv", '[contract.columns]\ns = { min = "low" }', "must be a number or a date"),
        ("ftp://host/t.csv", "", "scheme of path = 'ftp'"),
        ("s3://key:secret@bucket/t.csv", "", "holds credentials"),
        ("s3://b/t.duckdb", "table = 't'", "must lie on this machine"),
    ],
)
def test_options_that_do_not_fit_are_refused_by_name(read, path, top, message):
    with pytest.raises(MappingError, match=message) as caught:
        read(path, top)
    assert "secret" not in str(caught.value)


SECRET = "root:x:0:0:root:/root:/bin/bash"


@pytest.mark.parametrize("top", ["", "[csv]\ndelimiter = ':'", "[csv]\nquote = ''"])
@pytest.mark.parametrize("is_link", [True, False])
def test_nothing_is_shown_of_a_file_that_is_not_the_table(tmp_path, read, top, is_link):
    secret = tmp_path / ("passwd" if is_link else "t.csv")
    secret.write_text(f"{SECRET}\nu:x:1:1::/:/bin/sh\n")
    if is_link:
        (tmp_path / "t.csv").symlink_to(secret)
    with pytest.raises(SourceError, match=r"none of the columns that .* maps: s, v\.") as refused:
        read("t.csv", top)
    assert "root" not in str(refused.value).replace(str(tmp_path), "")


@pytest.mark.parametrize("path", ["in", "in/*.csv", "in/**/*.csv"])
def test_a_link_in_a_folder_does_not_lead_out_of_it(tmp_path, read, path):
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "elsewhere.csv").write_text("s,v\nPeru,Lima\n")
    (tmp_path / "in" / "a.csv").symlink_to(tmp_path / "elsewhere.csv")
    with pytest.raises(SourceError, match=r"a\.csv is a link that leads out of that folder"):
        read(path, 'format = "csv"')
    (tmp_path / "in" / "a.csv").unlink()
    (tmp_path / "in" / "deep" / "b.csv").write_text("s,v\nPeru,Lima\n")
    (tmp_path / "in" / "a.csv").symlink_to(tmp_path / "in" / "deep" / "b.csv")
    assert read(path, 'format = "csv"').claims.num_rows


def test_a_link_that_a_mapping_names_is_followed(tmp_path, read):
    (tmp_path / "today.csv").write_text("s,v\nPeru,Lima\n")
    (tmp_path / "t.csv").symlink_to(tmp_path / "today.csv")
    assert subjects(read("t.csv")) == ["Peru"]
