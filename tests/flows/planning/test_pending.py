from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pytest
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import TEMPORARILY_UNAVAILABLE

from flows.automation import announce
from flows.automation.announce import announce_overdue, announce_pending
from flows.configuration.schedules import Debounce, Schedules
from flows.configuration.settings import load_settings
from flows.errors import GateError
from flows.home.champion import Champion, promote
from flows.home.home import Home
from flows.home.receipts import Promoted, Receipts, Updated
from flows.planning.pending import Pending, is_due, note_pending, read_pending
from flows.refresh_facts import refresh
from flows.retrain import retrain
from warehouse.errors import CatalogueLockedError
from warehouse.snapshots import head

pytestmark = pytest.mark.slow

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TWO = Pending(training_hash="new", trained_hash="old", num_changed=2)


def train(home, snapshot=None, **more):
    """Promote what is published, as if a run had trained it."""
    snapshot = snapshot or head(home / "warehouse")
    known = {"snapshot_hash": snapshot.snapshot_hash, "training_hash": snapshot.training_hash}
    (home / "checkpoint").mkdir(exist_ok=True)
    promote(Home(home), Champion(path="checkpoint", run_key="k", **known, **more), over=None)


@pytest.fixture
def sent(monkeypatch):
    events = []

    def emit(event, resource, payload):
        events.append((event, resource, payload))
        return event

    monkeypatch.setattr("prefect.events.emit_event", emit)
    return events


@pytest.mark.parametrize(
    ("pending", "hours", "due"),
    [
        (TWO, 0, False),
        (TWO, 5.9, False),
        (TWO, 6, True),
        (Pending(training_hash="new", trained_hash="old", num_added=2, num_retired=1), 0, True),
        (Pending(training_hash="old", trained_hash="old"), 99, False),
        (Pending(training_hash=None, trained_hash=None), 99, False),
        (Pending(training_hash="new", trained_hash="old", num_added=9, is_rejected=True), 9, False),
    ],
)
def test_few_changes_wait_for_more_or_for_their_time(pending, hours, due):
    debounce = Debounce(min_changed_facts=3, max_staleness=6)
    found, why = is_due(pending, NOW - timedelta(hours=hours), debounce, NOW)
    assert (found, bool(why)) == (due, True)


def test_without_settings_any_change_is_due_at_once():
    assert is_due(TWO, NOW, Debounce(), NOW)[0]


def test_the_wait_begins_with_the_first_change_and_anew_with_each_champion(home):
    home.mkdir()
    assert note_pending(Home(home), TWO, NOW) == NOW
    later = Pending(training_hash="newer", trained_hash="old", num_changed=3)
    assert note_pending(Home(home), later, NOW + timedelta(hours=1)) == NOW
    other = Pending(training_hash="newer", trained_hash="new", num_changed=1)
    assert note_pending(Home(home), other, NOW + timedelta(hours=2)) == NOW + timedelta(hours=2)
    assert note_pending(Home(home), Pending(training_hash="new", trained_hash="new"), NOW) is None
    assert not (home / "pending.json").exists()


def test_a_damaged_note_begins_anew(home):
    home.mkdir()
    (home / "pending.json").write_text('{"trained_hash": "old"')
    assert note_pending(Home(home), TWO, NOW) == NOW


def test_what_is_pending_is_the_head_minus_the_trained(published):
    found = read_pending(Home(published))
    assert (found.num_added, found.is_any) == (2, True)
    train(published)
    assert not read_pending(Home(published)).is_any


def test_the_event_is_sent_only_while_the_head_differs_from_what_is_trained(
    home, mapping, tokenizer_folder, sent
):
    given = {"sources": (mapping,), "backbone": str(tokenizer_folder), "as_of": date(2026, 1, 1)}
    settings = load_settings(given)
    first = refresh_here(settings, mapping)
    assert first.pending.is_announced
    ((event, resource, payload),) = sent
    assert (event, resource["lamini.home"]) == ("lamini.facts.changed", str(home))
    assert payload["num_facts"] == 2
    train(home)
    assert not refresh_here(settings, mapping).pending.is_announced
    (mapping.parent / "capitals.csv").write_text("country,capital,trust\nJapan,Kyoto,5\n")
    again = refresh_here(settings, mapping)
    assert (again.pending.num_changed, len(sent)) == (1, 2)


def refresh_here(settings, mapping):
    from unittest.mock import patch

    from flows import refresh_facts as module

    with (
        patch.object(module, "ingest_source", module.ingest_source.fn),
        patch.object(module, "reconcile_and_publish", module.reconcile_and_publish.fn),
    ):
        return refresh(settings, [str(mapping)])


def test_facts_whose_model_was_rolled_back_are_not_announced(published, sent):
    train(published)
    rejected = [head(published / "warehouse").training_hash]
    pointer = {"path": "checkpoint", "run_key": "before", "rejected": rejected}
    import json

    (published / "HEAD_CHECKPOINT.json").write_text(json.dumps(pointer))
    assert read_pending(Home(published)).is_rejected
    assert not announce_pending(Home(published)).is_announced
    assert not sent


def test_changes_too_few_to_train_are_told_of_again_once_they_have_waited(published, sent):
    debounce = Debounce(min_changed_facts=3, max_staleness=6)
    begun = datetime.now(tz=UTC)
    note_pending(Home(published), read_pending(Home(published)), begun - timedelta(hours=5))
    assert announce_overdue(Home(published), debounce) is None
    (published / "pending.json").unlink()
    note_pending(Home(published), read_pending(Home(published)), begun - timedelta(hours=7))
    assert "longer than max_staleness" in announce_overdue(Home(published), debounce)
    assert [payload["num_facts"] for _, _, payload in sent] == [2]
    assert announce_overdue(Home(published), debounce) is None  # not at every look
    train(published)
    assert announce_overdue(Home(published), debounce) is None
    assert len(sent) == 1


def test_changes_that_were_due_at_once_are_not_told_of_again(published, sent):
    note_pending(
        Home(published), read_pending(Home(published)), datetime.now(tz=UTC) - timedelta(hours=99)
    )
    assert announce_overdue(Home(published), Debounce(min_changed_facts=2)) is None
    assert not sent


def test_an_event_that_prefect_does_not_take_is_no_error(published, monkeypatch):
    monkeypatch.setattr("prefect.events.emit_event", lambda *given, **named: None)
    assert not announce._send(Home(published), {})
    assert announce_pending(Home(published)).num_added == 2


def test_a_triggered_retrain_with_few_changes_ends_without_training(published, monkeypatch):
    monkeypatch.setenv("LAMINI_TRIGGER__MIN_CHANGED_FACTS", "3")
    state = retrain.fn(published, "event")
    assert "nothing done: 2 facts are pending" in state.message
    assert "min_changed_facts = 3" in state.message


def test_the_nightly_one_trains_them_and_looks_again_for_what_came_meanwhile(
    published, monkeypatch
):
    monkeypatch.setenv("LAMINI_TRIGGER__MIN_CHANGED_FACTS", "1")
    published_hash = head(published / "warehouse")
    decisions = []

    def memorize(settings, pass_faults):
        decisions.append("incremental")
        if len(decisions) == 2:  # what was published during the first training
            train(published, published_hash)
        updated = Updated(num_changed=3, num_groups_touched=5)
        return SimpleNamespace(
            decision="incremental",
            reasons=("2 new",),
            run_key=f"r{len(decisions)}",
            receipts=Receipts(updated=updated, promoted=Promoted(version="7")),
        )

    monkeypatch.setattr("flows.memorize.memorize", memorize)
    monkeypatch.setattr("flows.retrain.get_run_logger", lambda: announce.log)
    state = retrain.fn(published, "schedule")
    assert len(decisions) == 2
    did = "3 facts changed, 5 groups of experts retrained, promoted v7"
    assert state.message == f"{did} (run r1: 2 new); {did} (run r2: 2 new)"


@pytest.fixture
def tries(monkeypatch):
    """A training that raises what it is given, once each, and then does nothing."""
    monkeypatch.setattr("flows.retrain.get_run_logger", lambda: announce.log)
    monkeypatch.setattr("flows.retrain.RETRY_DELAYS", (0.0, 0.0, 0.0))
    errors, begun = [], []

    def memorize(settings, pass_faults):
        begun.append(settings)
        if errors:
            raise errors.pop(0)
        return SimpleNamespace(decision="nothing", reasons=("done",), run_key="r")

    monkeypatch.setattr("flows.memorize.memorize", memorize)
    return errors, begun


def test_a_served_retrain_goes_on_after_an_outage(home, tries, monkeypatch):
    errors, begun = tries
    locked = MlflowException("database is locked", error_code=TEMPORARILY_UNAVAILABLE)
    errors += [CatalogueLockedError("held"), locked]
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:4200/api")
    monkeypatch.setattr("flows.retrain.Services.answers", lambda self: True)
    assert retrain.fn(home).message == "nothing done: done"
    assert len(begun) == 3


@pytest.mark.parametrize(
    ("error", "num_tries"), [(GateError("failed"), 1), (CatalogueLockedError("held"), 4)]
)
def test_a_retrain_fails_at_once_where_trying_again_is_in_vain(home, tries, error, num_tries):
    errors, begun = tries
    errors += [error] * 5
    with pytest.raises(type(error)):
        retrain.fn(home)
    assert len(begun) == num_tries


@pytest.mark.parametrize(
    "wrong", [{"ingest": "hourly"}, {"ingest_of": {"a": "1 2 3"}}, {"watch_seconds": -1}]
)
def test_a_time_that_is_none_is_refused(wrong):
    with pytest.raises(ValueError, match="must"):
        Schedules(**wrong)
