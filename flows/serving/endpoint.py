"""The champion over HTTP for this user alone, behind our guard: two interfaces to one loaded model.

`/invocations` is MLflow's scoring application, `/v1/chat/completions` has the form of OpenAI's.

`mlflow models serve` starts the same application and lets nothing be put before it: it answers any
Host and whoever can reach the port.
"""

import os
import socket
from collections.abc import Callable
from math import ceil

from starlette.types import ASGIApp

from flows.configuration.settings import Settings
from flows.home.champion import promoted
from flows.servers.auth_string import auth_string
from flows.servers.guard import Guard
from flows.servers.server import HOST
from flows.serving.bounded import Bounded, Untraced
from flows.serving.chat_completions import chat_app
from flows.serving.saved_model import saved_model

_GRACE_SECONDS = 30
"""What a request may take besides `max_seconds`: the batch that was begun, and reading it."""


def serve_champion(settings: Settings, port: int, on_ready: Callable[[str], None]) -> None:
    """Serve the promoted checkpoint until SIGINT or SIGTERM; `on_ready` is told its URL.

    Raises:
        NothingYetError: no checkpoint was promoted.
        OSError: the port is taken.
    """
    import uvicorn

    guard = Guard(endpoint_app(settings), port=port, secret=auth_string(settings.home.path))
    config = uvicorn.Config(guard, proxy_headers=False, access_log=False, log_level="warning")
    with socket.create_server((HOST, port)) as listening:
        on_ready(f"http://{HOST}:{port}")
        uvicorn.Server(config).run(sockets=[listening])


def endpoint_app(settings: Settings) -> ASGIApp:
    """Return both interfaces to the champion, bounded.

    Raises:
        NothingYetError: no checkpoint was promoted.
    """
    from mlflow.environment_variables import MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT
    from mlflow.pyfunc import load_model, scoring_server

    limits = settings.serving
    os.environ[MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT.name] = str(
        ceil(limits.max_seconds + _GRACE_SECONDS)
    )
    checkpoint = settings.home.checkpoint(promoted(settings.home).champion.path)
    with saved_model(checkpoint, limits, settings.on_mismatch) as folder:
        model = load_model(str(folder))
    app = chat_app(model.unwrap_python_model().served)
    app.mount("/", Untraced(scoring_server.init(model)))
    return Bounded(app, max_request_bytes=limits.max_request_bytes)
