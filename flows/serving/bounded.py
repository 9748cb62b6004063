"""What MLflow's scoring application lacks: a bound of what it reads, and errors that tell no paths.

It reads a request whole, however large, and puts a traceback and what was sent into its errors.
What is nested too deep, or a number of too many digits, gets an error without words from it. Its
other forms (CSV, Parquet) are not read: a small file of them may hold a billion prompts.
"""

import json
from contextlib import suppress
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SHOWN = 1000
"""Characters of an error's message that are sent: it repeats what was given."""


_DEEPEST = 32
"""Levels of JSON; no form of a request has more than four."""
_MOST_VALUES = 200_000
"""Of JSON: each prompt beyond the bound gets an error of its own, up to here."""


class Bounded:
    """Hands on requests in JSON of bounded size and depth."""

    def __init__(self, app: ASGIApp, *, max_request_bytes: int) -> None:
        self.app = app
        self.max_request_bytes = max_request_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        request = Request(scope, receive)
        try:
            body = await self._read(request)
        except ClientDisconnect:
            return None
        if body is None:
            why = f"the request has more than max_request_bytes={self.max_request_bytes}; send less"
            return await _refusal(why, 413)(scope, receive, send)
        is_json = "json" in request.headers.get("content-type", "").lower()
        if body and not is_json:
            why = "send JSON, with `Content-Type: application/json`"
            return await _refusal(why, 415)(scope, receive, send)
        if body and (why := _wrong_json(body)):
            return await _refusal(why, 400)(scope, receive, send)

        read = iter([body])

        async def given() -> Message:
            for whole in read:
                return {"type": "http.request", "body": whole, "more_body": False}
            return await receive()  # that nobody listens any more

        await self.app(scope, given, send)

    async def _read(self, request: Request) -> bytes | None:
        """Return what was sent; null where it is too much."""
        parts, size = [], 0
        async for part in request.stream():
            parts.append(part)
            size += len(part)
            if size > self.max_request_bytes:
                return None
        return b"".join(parts)


class Untraced:
    """Hands on requests to MLflow's scoring application, and of its errors code and message."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        sent: list[Message] = []

        async def held(message: Message) -> None:
            sent.append(message)

        await self.app(scope, receive, held)
        status = int(sent[0]["status"])
        if status < 400:
            for message in sent:
                await send(message)
            return None
        said = b"".join(message.get("body", b"") for message in sent[1:])
        await JSONResponse(_without_traces(said), status)(scope, receive, send)


def _refusal(why: str, status: int) -> Response:
    return JSONResponse({"error_code": "BAD_REQUEST", "message": why}, status)


def _wrong_json(body: bytes) -> str:
    """Return why no request is made of it; nothing where one may be."""
    try:
        level: list[Any] = [json.loads(body)]
    except RecursionError:
        return f"the request is nested more than {_DEEPEST} deep"
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        return f"the request is no JSON: {error}"
    except ValueError:  # beyond Python's own limit
        return "the request holds a number of too many digits; give texts in quotes"
    if not isinstance(level[0], dict | list):
        return ""  # MLflow says what is wanted
    num_values = 0
    for _ in range(_DEEPEST):
        num_values += sum(map(len, level))
        if num_values > _MOST_VALUES:
            return f"the request holds more than {_MOST_VALUES} values; send fewer prompts at once"
        values = (value.values() if isinstance(value, dict) else value for value in level)
        level = [v for several in values for v in several if isinstance(v, dict | list)]
        if not level:
            return ""
    return f"the request is nested more than {_DEEPEST} deep"


def _without_traces(said: bytes) -> dict[str, str]:
    found: object = None
    with suppress(ValueError):
        found = json.loads(said)
    if not isinstance(found, dict):
        found = {"message": said.decode(errors="replace")}
    kept = {"error_code": "BAD_REQUEST", **found}
    return {name: str(kept.get(name, ""))[:_SHOWN] for name in ("error_code", "message")}
