"""I7 for the databases of MLflow and Prefect, which a home's first run makes: it may die meanwhile.

TORTURE_SERVICE_KILLS (6): how many kills of each. TORTURE_SEED: draw the same moments again.
"""

import os
import sys
import time

import pytest

from tests.torture.family import Family, wait_until

pytestmark = [pytest.mark.torture, pytest.mark.timeout(3600)]

NUM_KILLS = int(os.environ.get("TORTURE_SERVICE_KILLS") or 6)
LONGEST_SECONDS = 600
BEGUN = {"mlflow": "mlflow/mlflow.db.part", "prefect": "prefect/prefect.db"}
"""The file that is there as soon as there is something to be half made."""


def serve(home, name):
    return Family(["-m", "tests.torture.serving", str(home), name], {}, home.with_name("log"))


def until_database(home, name):
    """Start making it, and give the family as soon as it has begun."""
    family = serve(home, name)
    wait_until((home / BEGUN[name]).exists, family)
    return family


@pytest.mark.parametrize("name", ["mlflow", "prefect"])
def test_i7_killed_while_a_database_is_made_the_next_run_makes_it(name, tmp_path, rng):
    family = until_database(tmp_path / "undisturbed", name)
    started = time.monotonic()
    assert family.wait(LONGEST_SECONDS) == 0, family.err.read_text()
    seconds = time.monotonic() - started
    outcomes = []
    for number in range(NUM_KILLS):
        home = tmp_path / f"home-{number}"
        family = until_database(home, name)
        moment = (number + rng.random()) / NUM_KILLS * seconds
        done = family.wait(moment) is not None
        family.kill(whole=True)
        again = serve(home, name)
        code = again.wait(LONGEST_SECONDS)
        again.clean_up()
        errors = [line for line in again.err.read_text().splitlines() if "Error" in line]
        last = "works" if code == 0 else (code, errors[-1:])
        outcomes.append((round(moment, 2), "done before" if done else "killed", last))
    sys.stdout.write(f"undisturbed {seconds:.1f} s; {outcomes}\n")
    assert [last for *_, last in outcomes] == ["works"] * NUM_KILLS
