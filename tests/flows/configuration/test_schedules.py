import pytest

from flows.configuration.schedules import Schedules

GOOD = ("* * * * *", "*/5 0-23/2 1,15 * *", "59 23 31 12 7", "0 6 * JAN-mar mon-Fri", "0 0 29 2 *")


@pytest.mark.parametrize("line", GOOD)
def test_a_cron_line_that_comes_is_taken(line):
    assert Schedules(retrain=line, ingest_of={"a": line}).retrain == line


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("0 25 * * *", "its hour is '25', not of 0 to 23"),
        ("61 * * * *", "its minute is '61'"),
        ("0 0 0 * *", "its day is '0', not of 1 to 31"),
        ("0 0 * 13 *", "its month is '13'"),
        ("0 0 * * FRI#6", "its weekday is 'FRI#6'"),
        ("R R * * *", "its minute is 'R'"),
        ("5-1 * * * *", "its minute is '5-1'"),
        ("*/0 * * * *", "its minute is '*/0'"),
        ("0 0 31 2 *", "never comes: no month 2 has a day 31"),
        ("0 0 31 apr,jun *", "never comes: no month apr,jun has a day 31"),
        ("0 0 * *", "must be a cron line of five fields"),
        ("0 0 \u0661 * *", "its day is"),
    ],
)
def test_a_cron_line_that_never_comes_is_refused(line, words):
    for given in ({"retrain": line}, {"ingest_of": {"a": line}}):
        with pytest.raises(ValueError, match="=") as caught:
            Schedules(**given)
        assert words in str(caught.value)


def test_a_day_that_no_month_has_comes_by_its_weekday():
    assert Schedules(measure="0 0 31 2 mon").measure
