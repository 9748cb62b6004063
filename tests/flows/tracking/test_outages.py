import pickle
from types import SimpleNamespace

import pytest
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, TEMPORARILY_UNAVAILABLE

from flows.errors import RETRYABLE, exit_code
from flows.home.home import Home
from flows.tracking.outages import OutageError, explained

UP = SimpleNamespace(answers=lambda: True, api_url="http://127.0.0.1:4200/api")
DOWN = SimpleNamespace(answers=lambda: False, api_url="http://127.0.0.1:4200/api")
LOCKED = MlflowException("database is locked\nSQL: ...", error_code=TEMPORARILY_UNAVAILABLE)
REFUSED = MlflowException("no such run", error_code=INVALID_PARAMETER_VALUE)


@pytest.mark.parametrize(
    ("services", "error", "said"),
    [
        (UP, LOCKED, "mlflow.db takes no records (database is locked)"),
        (DOWN, RuntimeError("no way to the server"), "4200/api went away (no way to the server)"),
        (DOWN, ValueError(), "went away (ValueError)"),
    ],
)
def test_an_outage_says_what_went_away_and_that_a_run_goes_on(tmp_path, services, error, said):
    with pytest.raises(OutageError) as caught, explained(Home(tmp_path), services):
        raise error
    assert said in str(caught.value)
    assert "run again" in str(caught.value)
    assert exit_code(pickle.loads(pickle.dumps(caught.value))) == RETRYABLE


@pytest.mark.parametrize("error", [REFUSED, FileNotFoundError("facts.csv"), KeyboardInterrupt()])
def test_what_is_no_outage_stays_what_it_is(tmp_path, error):
    with pytest.raises(type(error)) as caught, explained(Home(tmp_path), UP):
        raise error
    assert caught.value is error
