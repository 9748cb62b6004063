"""The process of a server: Prefect's or MLflow's own application behind our guard, on loopback.

    python -m flows.servers.guarded prefect HOME PORT LAUNCH

The tools' own commands start the same applications, but let nothing be put before them.
"""

import os
import sys
from pathlib import Path

from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from flows.environment import mlflow_artifacts, mlflow_uri
from flows.servers.auth_string import auth_string
from flows.servers.guard import Guard
from flows.servers.server import HOST


def serve(name: str, home: Path, port: int, launch: str) -> None:
    """Serve `name` (prefect, mlflow) until SIGTERM; links are good for this `launch` alone."""
    import uvicorn

    app = _prefect() if name == "prefect" else _mlflow(home)
    guard = Guard(app, port=port, secret=auth_string(home), launch=launch)
    # Neither a proxy's word on who asks, nor lines that hold the link of `lamini ui`.
    uvicorn.run(
        guard, host=HOST, port=port, proxy_headers=False, access_log=False, log_level="warning"
    )


def _prefect() -> ASGIApp:
    from prefect.server.api.server import create_app

    app = create_app(final=True)
    # The guard asks for the secret; Prefect's page would ask again, for a password of its own.
    (pages,) = [getattr(route, "app", None) for route in app.routes if _name(route) == "ui"]
    (told,) = [route for route in pages.routes if _name(route) == "ui_settings"]  # type: ignore[union-attr]

    def settings(request: object) -> JSONResponse:
        return JSONResponse(told.endpoint().model_dump(mode="json") | {"auth": None})

    app.router.routes.insert(0, Route(told.path, settings))
    return app


def _name(route: object) -> str:
    return str(getattr(route, "name", ""))


def _mlflow(home: Path) -> ASGIApp:
    from mlflow.server.constants import (
        ARTIFACT_ROOT_ENV_VAR,
        BACKEND_STORE_URI_ENV_VAR,
        REGISTRY_STORE_URI_ENV_VAR,
    )

    # What `mlflow server` tells the application, and how it begins.
    os.environ[BACKEND_STORE_URI_ENV_VAR] = os.environ[REGISTRY_STORE_URI_ENV_VAR] = mlflow_uri(
        home
    )
    os.environ[ARTIFACT_ROOT_ENV_VAR] = mlflow_artifacts(home)
    from mlflow.server.fastapi_app import app
    from mlflow.server.handlers import initialize_backend_stores

    initialize_backend_stores(mlflow_uri(home), mlflow_uri(home), mlflow_artifacts(home))
    return app


if __name__ == "__main__":
    serve(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
