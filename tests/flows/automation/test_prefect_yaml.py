"""Prefect ignores keys it does not know, so a misspelt one would deploy something else."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from prefect.cli.deploy._models import PrefectYamlModel
from prefect.client.schemas.schedules import CronSchedule
from prefect.events import DeploymentEventTrigger

from flows.servers.services import Services
from tests.flows.whole_runs.branches import ask_prefect

ROOT = Path(__file__).parents[3]
GIVEN = yaml.safe_load((ROOT / "infra" / "prefect.yaml").read_text())


@pytest.fixture(params=GIVEN["deployments"], ids=lambda deployment: deployment["entrypoint"])
def deployment(request):
    return request.param


def unknown(given, model):
    known = {field.replace("_", "-") for field in model.model_fields} | set(model.model_fields)
    return set(given) - known


def test_every_key_is_one_that_prefect_knows():
    model = PrefectYamlModel.model_validate(GIVEN)
    assert not unknown(GIVEN, PrefectYamlModel)
    for given, deployment in zip(GIVEN["deployments"], model.deployments, strict=True):
        assert not unknown(given, type(deployment))
        for schedule, parsed in zip(given["schedules"], deployment.schedules, strict=True):
            assert not unknown(schedule, type(parsed))
        for trigger in given.get("triggers", ()):
            assert not unknown(trigger, DeploymentEventTrigger) - {"type"}
        assert not unknown(given["concurrency_limit"], type(deployment.concurrency_limit))


def test_the_version_is_the_locked_one():
    assert f"prefect=={GIVEN['prefect-version']}\n" in (ROOT / "requirements.lock").read_text()


def test_the_schedule_is_a_cron_line_or_an_interval(deployment):
    for schedule in deployment["schedules"]:
        if "cron" in schedule:
            CronSchedule(cron=schedule["cron"], timezone=schedule["timezone"])
        else:
            assert schedule["interval"] >= 60


def test_one_at_a_time_and_no_queue_of_looks(deployment):
    strategy = "CANCEL_NEW" if deployment["name"] == "files" else "ENQUEUE"
    assert deployment["concurrency_limit"] == {"limit": 1, "collision_strategy": strategy}


@pytest.fixture
def own_server(tmp_path):
    """The home's server, as `lamini ui` starts it, its address and secret in the environment."""
    with Services(tmp_path / "home") as services:
        yield services.wait_ready()


@pytest.mark.torture  # minutes: every command starts Prefect anew
@pytest.mark.timeout(1800)
def test_prefect_deploys_the_file_and_a_worker_of_the_pool_runs_what_it_says(own_server, tmp_path):
    api = own_server
    given = {"LAMINI_HOME": str(tmp_path / "home")}

    def prefect(*words):
        done = subprocess.run(
            [sys.executable, "-m", "prefect", *words],
            env={**os.environ, **given, "PYTHONPATH": str(ROOT)},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]

    def found(path, body):
        return ask_prefect(api, f"{path}/filter", body)

    prefect("work-pool", "create", "local", "--type", "process")
    prefect("--no-prompt", "deploy", "--all", "--prefect-file", "infra/prefect.yaml")
    deployed = found("deployments", {"work_pools": {"name": {"any_": ["local"]}}})
    assert {one["entrypoint"] for one in deployed} == {
        one["entrypoint"] for one in GIVEN["deployments"]
    }
    expected = [automation["trigger"].get("expect") for automation in found("automations", {})]
    assert ["lamini.facts.changed"] in expected

    prefect("deployment", "run", "refresh-facts/reference")
    prefect("worker", "start", "--pool", "local", "--run-once")
    runs = found("flow_runs", {"deployments": {"name": {"any_": ["reference"]}}})
    (ours,) = [run["state"] for run in runs if not run["auto_scheduled"]]
    assert ours["type"] == "COMPLETED"
    assert ours["message"].startswith("2 of 2 sources had new content; ")
