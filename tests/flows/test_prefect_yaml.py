"""Prefect ignores keys it does not know, so a misspelt one would deploy something else."""

from pathlib import Path

import pytest
import yaml
from prefect.cli.deploy._models import PrefectYamlModel
from prefect.client.schemas.schedules import CronSchedule
from prefect.events import DeploymentEventTrigger

ROOT = Path(__file__).parents[2]
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


def test_one_at_a_time(deployment):
    assert deployment["concurrency_limit"] == {"limit": 1, "collision_strategy": "ENQUEUE"}
