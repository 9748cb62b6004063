"""Say what an outage of Prefect's server or of MLflow's database means for a run: run it again."""

import contextlib
from collections.abc import Iterator

from flows.environment import mlflow_database
from flows.errors import FlowsError
from flows.home.home import Home
from flows.servers.services import Services
from flows.tracking.spool import is_away
from warehouse.errors import RetryableError


class OutageError(FlowsError, RetryableError):
    """A service went away under a run; what is done is kept, and the next run goes on."""


class ServerGoneError(OutageError):
    """The Prefect server went away."""


@contextlib.contextmanager
def explained(home: Home, services: Services) -> Iterator[None]:
    """Turn the many errors of a service that went away into one that says what to do.

    Raises:
        ServerGoneError: the Prefect server cannot be had.
        OutageError: MLflow's database cannot be had.
    """
    try:
        yield
    except Exception as error:
        said = (str(error).splitlines() or [type(error).__name__])[0][:300]
        advice = f"({said}); run again: what is done so far is kept"
        if not services.answers():
            gone = f"the Prefect server {services.api_url} went away {advice}"
            raise ServerGoneError(gone) from error
        if not isinstance(error, OSError) and is_away(error):
            taken = f"MLflow's database {mlflow_database(home.path)} takes no records {advice}"
            raise OutageError(taken) from error
        raise
