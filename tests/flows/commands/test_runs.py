"""Commands about runs: what they refuse before anything starts, and the conversation."""

import json

import pytest


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--source", "capitals.csv"], "lamini init"),
        (["--source", "missing.toml"], "no mapping file"),
        (["--source", "moved.toml"], "no such file"),
        (["--source", "capitals.toml", "--source", "capitals.toml"], "both name their source"),
        (["--source", "capitals.toml", "--backbone", "no/such"], "no tokenizer"),
        (["--source", "missing.toml", "--as-of", "2020-01-01..2020-01-03"], "no mapping file"),
    ],
)
def test_a_run_refuses_in_words_before_its_servers_start(
    lamini, home, mapping, monkeypatch, words, message
):
    moved = mapping.read_text().replace("capitals.csv", "gone.csv")
    mapping.with_name("moved.toml").write_text(moved)
    monkeypatch.setattr("flows.servers.services.Services", lambda home: pytest.fail("started"))
    result = lamini("run", *words)
    assert result.exit_code == 3
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_a_run_refuses_a_golden_set_without_a_question_before_it_starts(
    lamini, home, mapping, monkeypatch
):
    mapping.with_name("golden.jsonl").write_text('{"question": "?"}')
    monkeypatch.setenv("LAMINI_GATE__GOLDEN", str(mapping.with_name("golden.jsonl")))
    monkeypatch.setattr("flows.servers.services.Services", lambda home: pytest.fail("started"))
    result = lamini("run", "--source", mapping)
    assert result.exit_code == 3
    assert "line 1: expected is missing" in result.stderr


@pytest.mark.parametrize("words", [["ingest"], ["source", "preview"], ["source", "add"]])
def test_a_table_in_place_of_a_mapping_is_told_from_one(lamini, home, mapping, words):
    result = lamini(*words, mapping.with_suffix(".csv"))
    assert result.exit_code == 3
    assert "is a table, not a mapping" in result.stderr


def test_asked_nothing_it_answers_each_line_and_loads_once(champion, lamini):
    result = lamini("ask", input="capital of France?\n\n  France, capital \n")
    assert result.exit_code == 0
    assert result.stdout.count("from memory: group 3") == 2
    assert len(champion.loaded) == 1


def test_a_conversation_can_speak_json_an_answer_a_line(champion, lamini):
    lines = lamini("ask", "--json", input="one\ntwo\n").stdout.splitlines()
    assert [json.loads(line)["prompt"] for line in lines] == ["one", "two"]


def test_a_turn_of_a_conversation_is_shown_as_what_the_turn_before_makes_of_it(champion, lamini):
    said = "capital of Italy?\nand of Peru?\nand of Chad?\n"
    lines = lamini("ask", "--json", input=said).stdout.splitlines()
    prompts = [json.loads(line)["prompt"] for line in lines]
    assert prompts == ["capital of Italy?", "capital of Peru?", "capital of Chad?"]
    alone = json.loads(lamini("ask", "--json", "capital of Italy?", "and of Peru?").stdout)
    assert [one["prompt"] for one in alone][1] == "and of Peru?"


@pytest.mark.parametrize("end", [EOFError, KeyboardInterrupt])
def test_a_conversation_ends_in_peace(champion, lamini, monkeypatch, end):
    def typed(mark):
        raise end

    monkeypatch.setattr("builtins.input", typed)
    result = lamini("ask")
    assert (result.exit_code, result.stderr) == (0, "")


@pytest.mark.parametrize(
    ("way", "code", "answer"),
    [
        ("refuse", 5, "Memory says 'Rome', but the table says '{}': not answered."),
        ("table", 0, "{}"),
        ("say", 5, "Rome"),
    ],
)
def test_an_answer_unlike_the_table_is_told_by_text_field_and_exit_code(
    champion, lamini, monkeypatch, way, code, answer
):
    champion.says.text = "Rome"
    monkeypatch.setenv("LAMINI_ON_MISMATCH", way)
    for words, given in ((["capital?"], None), ([], "capital?\n")):
        result = lamini("ask", *words, "--json", input=given)
        found = json.loads(result.stdout)
        asked = found[0] if words else found
        assert result.exit_code == code
        assert asked["answer"].startswith(answer.format(champion.fact["answer"]))
        assert (asked["said"], asked["is_mismatch"]) == ("Rome", True)
    shown = " ".join(lamini("ask", "capital?").stdout.split())
    assert f"memory says Rome, the table says {champion.fact['answer']}" in shown


def test_where_nothing_is_read_a_person_gets_a_sentence_and_no_score(champion, lamini):
    says = vars(champion.says)
    says |= {"text": "", "from_memory": False, "fact_ids": (), "score": 0.994}
    champion.says.reason = "Did you mean Croatia? Ask again with the whole name."
    shown = " ".join(lamini("ask", "who?").stdout.split())
    assert shown == f"Q who? A {champion.says.reason} not from memory"
    champion.says.reason = ""
    assert "Memory holds no fact that answers this." in lamini("ask", "who?").stdout
