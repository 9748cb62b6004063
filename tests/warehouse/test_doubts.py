import pytest


def rows_of(row, values):
    return [row(f"Port {index}", value, relation="code") for index, value in enumerate(values)]


def test_a_value_of_many_subjects_among_values_of_their_own_is_told_of(memory, take, row):
    values = [f"A{index}" for index in range(60)] + ["none yet"] * 6
    (told,) = take(memory(), rows_of(row, values)).warnings
    assert told.startswith(
        "'none yet' is the code of 6 subjects, where hardly two others share one"
    )


def test_shared_values_among_shared_values_are_not_told_of(memory, take, row):
    assert take(memory(), rows_of(row, ["EUR"] * 30 + ["USD"] * 9 + ["XOF"] * 12)).warnings == ()
    assert take(memory(), rows_of(row, [f"A{i}" for i in range(60)] + ["B", "B"])).warnings == ()


@pytest.mark.parametrize("marker", ["\\N", "#REF!", "TBD", "..", "n/a", "0000-00-00"])
def test_what_people_write_for_no_value_is_told_of_even_once(memory, take, row, marker):
    (told,) = take(memory(), [row(), row("Chad", marker)]).warnings
    assert told == (
        f"{marker!r} is the capital of 1 subject: if it stands for no value, "
        "name it in nulls = [...]"
    )


def test_a_code_that_reads_as_no_value_is_one_among_codes_of_its_length(memory, take, row):
    codes = [f"{a}{b}" for a in "BCDF" for b in "KLM"]
    assert take(memory(), rows_of(row, [*codes, "NA"])).warnings == ()
    assert len(take(memory(), rows_of(row, [*codes, "NA", "NA"])).warnings) == 1
    assert len(take(memory(), rows_of(row, [*codes, "N/A"])).warnings) == 1


def test_a_table_without_dates_that_says_otherwise_is_told_to_be_a_full_extract(
    memory, take, row, settle
):
    con = memory()
    assert take(con, [row(), row("Chad", "Abéché")]).warnings == ()
    (told,) = take(con, [row(), row("Chad", "N'Djamena")]).warnings
    assert told.startswith("1 slots have another value than source 's' gave before")
    assert 'extract = "full"' in told
    assert take(con, [row("Chad", "Moundou", observed_at="2020-01-01")]).warnings == ()
    assert take(con, [row("Chad", "Sarh")], source="another").warnings == ()


def test_two_names_that_differ_in_case_alone_are_told_of(memory, take, row):
    rows = [row("Zephyr Energy"), row("zephyr energy "), row("Chad"), row("CHAD"), row("Peru")]
    (told,) = take(memory(), rows).warnings
    assert told.startswith("'CHAD' and 'Chad' differ in case alone (and 1 more): they")
    assert take(memory(), [row("Chad"), row("Chad "), row("Tchad")]).warnings == ()
