import json
import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest

from warehouse.catalogue import open_catalogue
from warehouse.errors import SourceError
from warehouse.intake import ingest
from warehouse.sources import load_mapping, read_source
from warehouse.sources.postgresql_reader import without_secrets

CLAIM = '[claim]\nsubject = "s"\nvalue = "v"\nquestion = { template = "Capital of {subject}?" }\n'
PASSWORD = "s3cret&word"
MISSING = [name for name in ("initdb", "pg_ctl") if shutil.which(name) is None]


def as_user(*words):
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return list(words)
    return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", *words]


@pytest.fixture(scope="module")
def server():
    """A server of its own, with a table of two capitals; gives its connection string."""
    if MISSING:
        pytest.skip(f"needs PostgreSQL: {', '.join(MISSING)} not found")
    driver = pytest.importorskip(
        "adbc_driver_postgresql.dbapi", reason="needs the extra: postgresql"
    )
    folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))
    if os.geteuid() == 0:
        shutil.chown(folder, "nobody", "nogroup")
    data = str(folder / "data")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    quiet = {"check": True, "stdout": subprocess.DEVNULL, "cwd": folder, "timeout": 120}
    subprocess.run(as_user("initdb", "-D", data, "-U", "reader", "-A", "trust"), **quiet)
    log = str(folder / "log")
    subprocess.run(as_user("pg_ctl", "-D", data, "-l", log, "-w", "-o", options, "start"), **quiet)
    dsn = f"postgresql://reader:{PASSWORD.replace('&', '%26')}@127.0.0.1:{port}/postgres"
    try:
        with driver.connect(dsn) as con, con.cursor() as cursor:
            cursor.execute("create table capitals (s text, v text, n bigint, p numeric)")
            cursor.execute(
                "insert into capitals values ('Peru', 'Lima', 1, 1.5), "
                "('Chad', 'N''Djamena', 2, null)"
            )
            con.commit()
        yield dsn
    finally:
        subprocess.run(as_user("pg_ctl", "-D", data, "-m", "immediate", "stop"), **quiet)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def mapping(tmp_path, monkeypatch):
    def make(top, dsn=None, claim=CLAIM):
        if dsn:
            monkeypatch.setenv("SHOP_DSN", dsn)
        path = tmp_path / "m.toml"
        path.write_text(f'format = "postgresql"\ndsn_env = "SHOP_DSN"\n{top}\n{claim}')
        return load_mapping(path)

    return make


@pytest.mark.slow
@pytest.mark.parametrize(
    "top", ['table = "capitals"', 'table = "public.capitals"', 'query = "select * from capitals"']
)
def test_a_table_and_a_query_give_claims(memory, server, mapping, top):
    receipt = ingest(memory(), read_source(mapping(top, server)))
    assert (receipt.num_accepted, receipt.num_quarantined) == (2, 0)


SAID = {
    "1.50::numeric": "1.50",
    "'NaN'::numeric": None,
    "'Infinity'::numeric": None,
    "'Infinity'::float8": None,
    "604::float8": "604",
    "uuid '123e4567-e89b-12d3-a456-426614174000'": "123e4567-e89b-12d3-a456-426614174000",
    "'\"Lima\"'::jsonb": "Lima",
    "timestamp '2024-03-01 00:00'": "2024-03-01",
    "timestamptz '2024-03-01 00:30+02'": "2024-02-29 22:30:00+00",
    "date 'infinity'": None,
    "timestamptz '-infinity'": None,
}


@pytest.mark.slow
def test_each_type_has_one_text_or_none(server, mapping):
    columns = ", ".join(f'{told} as "{index}"' for index, told in enumerate(SAID))
    wide = "[wide]\nsubject = 's'\n" + "".join(
        f"[wide.values.{index}]\nquestion = 'What is {index} of {{subject}}?'\n"
        for index in range(len(SAID))
    )
    top = f"query = {json.dumps(f'select 1 as s, {columns}')}"
    assert read_source(mapping(top, server, wide)).claims["value"].to_pylist() == [*SAID.values()]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("told", "cast"),
    [
        ("'$1,234.50'::money", 'holds money.*"v"::numeric'),
        ("interval '1 year 3 days'", 'holds month_day_nano_interval.*"v"::text'),
        ("inet '10.0.0.1'", 'holds inet values.*"v"::text'),
        ("'{}'::jsonb", "holds JSON objects"),
    ],
)
def test_a_type_without_a_text_is_refused_with_a_cast_to_use(server, mapping, told, cast):
    with pytest.raises(SourceError, match=cast):
        read_source(mapping(f"query = {json.dumps(f'select 1 as s, {told} as v')}", server))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["date", "timestamp", "timestamptz"])
def test_infinity_is_an_open_end_and_no_day(memory, server, mapping, kind):
    claim = CLAIM + 'valid_from = "f"\nvalid_to = "t"\n'
    rows = f"(1, 'x', {kind} '-infinity', {kind} 'infinity'), (2, 'y', 'infinity', '-infinity')"
    con, top = memory(), f"query = {json.dumps(f'select * from (values {rows}) as t(s, v, f, t)')}"
    receipt = ingest(con, read_source(mapping(top, server, claim)))
    assert (receipt.num_accepted, receipt.num_quarantined) == (1, 1)
    assert con.execute("select valid_from, valid_to from claims").fetchall() == [(None, None)]
    assert con.execute("select field, reason from quarantine").fetchall() == [
        ("valid_from", "wrong_type")
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("top", "message"),
    [
        ('table = "capital"', 'relation "capital" does not exist'),
        ('query = "insert into capitals values (null)"', "read-only"),
        ('query = "select 1; drop table capitals"', "multiple commands|prepared statement"),
        ("table = 'x\"; drop table capitals; --'", "does not exist"),
    ],
)
def test_what_the_server_refuses_is_said(server, mapping, top, message):
    with pytest.raises(SourceError, match=message):
        read_source(mapping(top, server))


@pytest.mark.slow
def test_no_secret_reaches_the_catalogue_a_message_or_a_log(tmp_path, server, mapping, caplog):
    wrong = server.replace("127.0.0.1", "127.0.0.1.invalid").replace("reader", "nobody")
    with open_catalogue(tmp_path / "home") as con:
        ingest(con, read_source(mapping('table = "capitals"', server)))
        with pytest.raises(SourceError) as caught:
            read_source(mapping('table = "capitals"', wrong))
    shown = f"{caught.value!r} {caplog.text}".encode()
    files = [path.read_bytes() for path in (tmp_path / "home").rglob("*") if path.is_file()]
    for secret in (PASSWORD, PASSWORD.replace("&", "%26")):
        assert not any(secret.encode() in text for text in [shown, *files])
    assert caught.value.__cause__ is None


def test_a_variable_that_is_not_set_is_named(mapping, monkeypatch):
    monkeypatch.delenv("SHOP_DSN", raising=False)
    with pytest.raises(SourceError, match="environment variable SHOP_DSN is not set"):
        read_source(mapping('table = "t"'))


@pytest.mark.parametrize(
    "dsn",
    [
        f"postgresql://u:{PASSWORD.replace('&', '%26')}@h/d",
        f"host=h user=u password={PASSWORD}",
        f"host=h password = '{PASSWORD}'",
    ],
)
def test_secrets_are_masked_in_messages(dsn):
    message = f"could not use {dsn}: password {PASSWORD} is wrong"
    assert "s3cret" not in without_secrets(message, dsn)
