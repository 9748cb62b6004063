from datetime import date
from types import SimpleNamespace

import pytest

from flows.backfill import backfill, read_range
from flows.configuration.settings import load_settings
from flows.errors import GateError, SettingsError


class Runs:
    """Stands for the flow: remembers its days, and is killed on one of them."""

    def __init__(self, dies_on=None):
        self.days, self.dies_on = [], dies_on

    def __call__(self, settings):
        if settings.as_of == self.dies_on:
            raise GateError("killed")
        self.days.append(settings.as_of)
        return SimpleNamespace(
            run_key=f"key-{settings.as_of}",
            decision="incremental",
            mode="full",
            reasons=("because",),
        )


@pytest.mark.parametrize(
    ("text", "every", "wanted"),
    [
        ("2015-01-31..2015-04-30", "month", ["01-31", "02-28", "03-31", "04-30"]),
        ("2015-01-15..2015-03-20", None, ["01-15", "02-15", "03-15", "03-20"]),
        ("2015-01-01..2015-01-10", "week", ["01-01", "01-08", "01-10"]),
        ("2015-01-30..2015-02-01", "day", ["01-30", "01-31", "02-01"]),
        ("2015-03-30..2015-10-01", "quarter", ["03-30", "06-30", "09-30", "10-01"]),
        ("2015-05-05..2015-05-05", "year", ["05-05"]),
    ],
)
def test_a_range_goes_in_steps_and_ends_on_its_last_day(text, every, wanted):
    days = [day.isoformat() for day in read_range(text, every).days()]
    assert days == [f"2015-{day}" for day in wanted]


@pytest.mark.parametrize(
    ("text", "every"),
    [
        ("2015-02-01..2015-01-01", "month"),
        ("2015-02-01..", "month"),
        ("2015-02-01..soon", None),
        ("2015-01-01..2015-02-01", "hour"),
    ],
)
def test_a_range_that_is_none_is_refused_with_what_was_given(text, every):
    with pytest.raises(SettingsError, match=r"2015|hour"):
        read_range(text, every)


def test_a_backfill_that_was_killed_goes_on_with_the_first_day_not_done(home):
    settings, days = load_settings({}), read_range("2015-01-31..2015-04-30", "month")
    first = Runs(dies_on=date(2015, 3, 31))
    with pytest.raises(GateError):
        backfill(settings, days, first)
    assert [day.month for day in first.days] == [1, 2]
    again = Runs()
    found = backfill(settings, days, again)
    assert [day.month for day in again.days] == [3, 4]
    assert (found.num_days, found.num_skipped) == (4, 2)
    assert [day.as_of[5:7] for day in found.days] == ["01", "02", "03", "04"]
    nothing = Runs()
    assert backfill(settings, days, nothing).num_skipped == 4
    assert not nothing.days
    backfill(settings, days, nothing, again=True)
    assert [day.month for day in nothing.days] == [1, 2, 3, 4]


def test_another_range_or_other_sources_are_another_backfill(home, mapping):
    settings, days = load_settings({}), read_range("2015-01-01..2015-03-01", "month")
    backfill(settings, days, Runs())
    weeks, other = Runs(), Runs()
    backfill(settings, read_range("2015-01-01..2015-03-01", "quarter"), weeks)
    backfill(load_settings({"sources": (mapping,)}), days, other)
    assert (len(weeks.days), len(other.days)) == (2, 3)


def test_the_command_refuses_steps_without_a_range(lamini, home):
    assert lamini("run", "--as-of", "2015-01-01", "--every", "month").exit_code == 2
    wrong = lamini("run", "--as-of", "2015-02-01..2015-01-01")
    assert wrong.exit_code == 3
    assert "2015-02-01" in wrong.stderr
