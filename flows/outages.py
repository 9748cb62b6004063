"""Say what an outage of Prefect's server or of MLflow's database means for a run: run it again."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from flows.environment import mlflow_database
from flows.errors import FlowsError
from flows.services import Services
from flows.spool import is_away
from warehouse.errors import RetryableError


class OutageError(FlowsError, RetryableError):
    """A service went away under a run; what is done is kept, and the next run goes on."""


@contextlib.contextmanager
def explained(home: Path, services: Services) -> Iterator[None]:
    """Turn the many errors of a service that went away into one that says what to do.

    Raises:
        OutageError: the Prefect server or MLflow's database cannot be had.
    """
    try:
        yield
    except Exception as error:
        if not services.answers():
            gone = f"the Prefect server {services.api_url} went away"
        elif not isinstance(error, OSError) and is_away(error):
            gone = f"MLflow's database {mlflow_database(home)} takes no records"
        else:
            raise
        said = (str(error).splitlines() or [type(error).__name__])[0][:300]
        raise OutageError(f"{gone} ({said}); run again: what is done so far is kept") from error
