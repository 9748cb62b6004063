"""One list, served in two ways: each is held to the other by what Prefect itself makes of both."""

import importlib
import os
from pathlib import Path

import pytest
import yaml
from prefect import Flow
from prefect.cli.deploy._models import PrefectYamlModel
from prefect.cli.deploy._triggers import _initialize_deployment_triggers
from prefect.utilities.templating import apply_values

from flows.automation.deployments import as_served, as_yaml, deployments
from flows.configuration.settings import load_settings

ROOT = Path(__file__).parents[3]
HOME = "{{ $LAMINI_HOME }}"


@pytest.fixture
def given():
    return yaml.safe_load((ROOT / "infra" / "prefect.yaml").read_text())["deployments"]


@pytest.fixture
def listed(home, monkeypatch):
    return deployments(load_settings({}), HOME)


def test_the_file_for_work_pools_holds_the_very_list_that_is_served(given, listed):
    assert given == [as_yaml(deployment) for deployment in listed]


def test_every_flow_that_is_served_gives_its_runs_a_name(listed):
    names = [deployment.flow.flow_run_name for deployment in listed]
    assert len(names) == 4
    assert all(names)


@pytest.mark.slow
def test_prefect_makes_the_same_of_both(given, home):
    parsed = PrefectYamlModel.model_validate({"deployments": apply_values(given, {})}).deployments
    served = [as_served(deployment) for deployment in deployments(load_settings({}))]
    assert len(parsed) == len(served) == 4
    for there, here in zip(parsed, served, strict=True):
        path, function = there.entrypoint.split(":")
        assert here.entrypoint == f"{path.removesuffix('.py').replace('/', '.')}.{function}"
        assert (here.name, here.tags, here.parameters) == (there.name, there.tags, there.parameters)
        assert here.description == there.description
        assert here.concurrency_limit == there.concurrency_limit.limit == 1
        strategies = here.concurrency_options, there.concurrency_limit
        assert len({one.collision_strategy for one in strategies}) == 1
        assert times(here.schedules) == times(there.schedules)
        triggers = _initialize_deployment_triggers(there.name, there.triggers or [])
        assert [t.model_dump() for t in here.triggers] == [t.model_dump() for t in triggers]


def times(schedules):
    found = []
    for item in schedules:
        plan = getattr(item, "schedule", item)
        kind = ("cron", plan.cron) if getattr(plan, "cron", None) else ("every", plan.interval)
        found.append((*kind, plan.timezone or "UTC", item.slug, item.parameters))
    return found


def test_retraining_waits_for_the_event_of_its_own_home_and_comes_every_night(home):
    retrain = next(d for d in deployments(load_settings({})) if "retrain" in d.entrypoint)
    served = as_served(retrain)
    (trigger,) = served.triggers
    assert trigger.expect == {"lamini.facts.changed"}
    assert trigger.match["lamini.home"] == [str(home)] or trigger.match["lamini.home"] == str(home)
    (nightly,) = served.schedules
    assert nightly.parameters == {"reason": "schedule"}


def test_every_source_has_a_deployment_with_its_own_time(home, mapping, monkeypatch):
    given = {"sources": (mapping,), "schedule": {"ingest_of": {"capitals": "*/15 * * * *"}}}
    first = deployments(load_settings(given))[0]
    assert first.name == "capitals"
    assert first.parameters == {"home": str(home), "source": str(mapping)}
    assert [s["cron"] for s in first.schedules] == ["*/15 * * * *"]


def test_what_has_no_time_has_no_schedule(home):
    none = {"ingest": "", "retrain": "", "measure": "", "watch_seconds": 0}
    listed = deployments(load_settings({"schedule": none}))
    assert [d.entrypoint.split(":")[1] for d in listed] == [
        "refresh_facts",
        "retrain",
        "measure_champion",
    ]
    assert not any(d.schedules for d in listed)
    assert listed[1].triggers


def test_every_entrypoint_is_a_flow_that_takes_the_parameters(listed):
    for deployment in listed:
        path, name = deployment.entrypoint.split(":")
        assert (ROOT / path).is_file()
        module = importlib.import_module(path.removesuffix(".py").replace("/", "."))
        flow = getattr(module, name)
        assert isinstance(flow, Flow)
        flow.validate_parameters(dict(deployment.parameters))
        given = {**deployment.parameters}
        for item in (*deployment.schedules, *deployment.triggers):
            given |= item.get("parameters", {})
        assert set(given) <= set(flow.parameters.properties)
        assert set(flow.parameters.required) <= set(deployment.parameters)


def test_the_command_shows_the_list_and_serves_nothing(lamini, home):
    shown = lamini("serve", "--show")
    assert shown.exit_code == 0
    names = [d["name"] for d in yaml.safe_load(shown.stdout)["deployments"]]
    assert names == ["reference", "champion", "recall", "files"]
    assert not (home / "serve.lock").exists()
    assert "PREFECT_API_URL" not in os.environ


def test_a_look_at_files_is_left_out_while_one_is_at_work_and_all_else_waits(home):
    strategies = {
        d.entrypoint.split(":")[1]: d.concurrency["collision_strategy"]
        for d in deployments(load_settings({}))
    }
    assert strategies.pop("watch_sources") == "CANCEL_NEW"
    assert {*strategies.values()} == {"ENQUEUE"}
