"""The champion behind OpenAI's chat completions: each value that memory said with its source.

Requests and replies have the form that OpenAI's clients know; what that has no field for stands in
`memory`: how memory was read, the stretches that it said with their facts and source rows, facts
that stood in the prompt, and sentences that nothing supports.
"""

import json
import logging
import time
from asyncio import Future, Queue, Task, create_task, get_running_loop
from collections.abc import AsyncIterator, Callable, Generator
from threading import Event
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from uuid import uuid4

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response, StreamingResponse

from flows.serving.served_model import Answered, ChatMode, Refused, ServedModel

if TYPE_CHECKING:
    from lamini.model.running_text import Passage

MODEL = "lamini-champion"
_BATCH, _NEW_TOKENS = 64, 256
T = TypeVar("T")
_log = logging.getLogger(__name__)


class TextPart(BaseModel):
    """A part of a message; of the kinds that OpenAI has, texts are read."""

    type: Literal["text"]
    text: str


class ChatMessage(BaseModel):
    """A turn of the chat."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[TextPart]

    def plain(self) -> dict[str, str]:
        """Return it as chat templates take it."""
        role = "system" if self.role == "developer" else self.role
        parts = self.content
        text = parts if isinstance(parts, str) else "".join(part.text for part in parts)
        return {"role": role, "content": text}


class ChatRequest(BaseModel):
    """What is asked; a field that would be passed over in silence is refused instead."""

    model_config = ConfigDict(extra="forbid")

    messages: list[ChatMessage] = Field(min_length=1)
    model: str = MODEL
    mode: ChatMode | None = None
    """How memory is read; without it, as the checkpoint was made for."""
    max_completion_tokens: int | None = Field(default=None, ge=1)
    max_tokens: int | None = Field(default=None, ge=1)
    temperature: float = Field(default=0.0, ge=0, le=2)
    """Of the backbone's own words; values are said greedily."""
    seed: int = Field(default=0, ge=-(2**63), lt=2**63)
    stream: bool = False
    n: Literal[1] = 1
    top_p: Literal[1] = 1
    presence_penalty: Literal[0] = 0
    frequency_penalty: Literal[0] = 0
    user: str | None = None

    def most_tokens(self, limit: int) -> int:
        """Return how many tokens may be written; `max_tokens` is the older name of this bound."""
        return self.max_completion_tokens or self.max_tokens or min(_NEW_TOKENS, limit)

    def chat(self) -> list[dict[str, str]]:
        """Return the messages as chat templates take them."""
        return [message.plain() for message in self.messages]


class Together:
    """Answers questions that wait at the same time as one batch, in order of arrival."""

    def __init__(self, answer: Callable[[list[str]], list[Answered | Refused]]) -> None:
        self._answer = answer
        self._waiting: list[tuple[str, Future[Answered | Refused]]] = []
        self._task: Task[None] | None = None

    async def ask(self, question: str) -> Answered | Refused:
        """Return the answer of one question."""
        answered: Future[Answered | Refused] = get_running_loop().create_future()
        self._waiting.append((question, answered))
        if self._task is None or self._task.done():
            self._task = create_task(self._drain())
        return await answered

    async def _drain(self) -> None:
        while batch := self._waiting[:_BATCH]:
            del self._waiting[:_BATCH]
            try:
                answers = await run_in_threadpool(self._answer, [asked for asked, _ in batch])
            except Exception as error:  # noqa: BLE001 - whoever waits is told
                for _, answered in batch:
                    if not answered.cancelled():
                        answered.set_exception(error)
                continue
            for (_, answered), answer in zip(batch, answers, strict=True):
                if not answered.cancelled():
                    answered.set_result(answer)


def chat_app(served: ServedModel) -> FastAPI:
    """Return the application that answers with a loaded checkpoint."""
    app = FastAPI(title="lamini", docs_url=None, redoc_url=None, openapi_url=None)
    together = Together(served.answer)
    at_work: set[str] = set()

    @app.exception_handler(RequestValidationError)
    async def refuse(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part != "body")
        return _error(400, f"{where}: {first['msg']}" if where else first["msg"])

    @app.get("/v1/models")
    async def models() -> dict[str, Any]:
        own = {"id": MODEL, "object": "model", "created": 0, "owned_by": "lamini"}
        return {"object": "list", "data": [own]}

    @app.post("/v1/chat/completions", response_model=None)
    async def chat_completions(asked: ChatRequest) -> Response:
        mode = asked.mode or served.mode
        most_tokens = asked.most_tokens(served.limits.max_new_tokens)
        why = served.refused_chat(asked.chat(), mode, most_tokens)
        if asked.model != MODEL:
            return _error(404, f"there is no model {asked.model[:80]!r}, but {MODEL!r}")
        if why:
            return _error(400, why)
        most = served.limits.max_waiting
        if len(at_work) >= most:
            return _error(429, f"{most} requests are at work (max_waiting); try again in a second")
        reply = _Reply(mode)
        at_work.add(reply.id)
        if mode == "answer":
            parts = _answered(reply, together, asked.chat()[-1]["content"])
        else:
            parts = _written(reply, served, asked, most_tokens)
        said = _until_done(parts, lambda: at_work.discard(reply.id))
        if asked.stream:
            return StreamingResponse(reply.chunks(said), media_type="text/event-stream")
        try:
            return JSONResponse(await reply.whole(said))
        except Exception as error:  # noqa: BLE001 - of whatever kind: the client is told
            return _error(500, _failed(error))

    return app


class _Part(BaseModel):
    """What follows what was said before; the last one ends it."""

    text: str
    finish_reason: str | None = None
    usage: dict[str, int] | None = None
    memory: dict[str, Any] | None = None


class _Reply:
    """One reply in the two forms that clients take it in."""

    def __init__(self, mode: ChatMode) -> None:
        self.mode = mode
        self.id = f"chatcmpl-{uuid4().hex}"
        self.created = int(time.time())

    async def whole(self, parts: AsyncIterator[_Part]) -> dict[str, Any]:
        """Return it at once."""
        said = [part async for part in parts]
        message = {"role": "assistant", "content": "".join(part.text for part in said)}
        choice = {"index": 0, "message": message, "finish_reason": said[-1].finish_reason}
        return {**self._body("chat.completion", choice), **_ending(said[-1])}

    async def chunks(self, parts: AsyncIterator[_Part]) -> AsyncIterator[str]:
        """Yield it as server-sent events; what fails on the way is the last of them."""
        role: dict[str, str] = {"role": "assistant"}
        try:
            async for part in parts:
                delta = {**role, "content": part.text}
                role = {}
                choice = {"index": 0, "delta": delta, "finish_reason": part.finish_reason}
                body = {**self._body("chat.completion.chunk", choice), **_ending(part)}
                yield f"data: {json.dumps(body, ensure_ascii=False)}\n\n"
        except Exception as error:  # noqa: BLE001 - of whatever kind: the client is told
            yield f"data: {json.dumps(_told(500, _failed(error)))}\n\n"
        yield "data: [DONE]\n\n"

    def _body(self, kind: str, choice: dict[str, Any]) -> dict[str, Any]:
        own = {"id": self.id, "object": kind, "created": self.created, "model": MODEL}
        return {**own, "choices": [choice]}


def _ending(part: _Part) -> dict[str, Any]:
    return {"usage": part.usage, "memory": part.memory} if part.finish_reason else {}


async def _answered(reply: _Reply, together: Together, question: str) -> AsyncIterator[_Part]:
    """Yield the bare value, or why there is none, as one part."""
    answer = await together.ask(question)
    told = answer.told()
    said = told["error"] or told["answer"]
    span = {"start": 0, "end": len(said), "fact_ids": told["fact_ids"], "rows": told["rows"]}
    memory = {
        "mode": "answer",
        "from_memory": told["from_memory"],
        "is_mismatch": told["is_mismatch"],
        "spans": [span] if told["from_memory"] else [],
    }
    yield _Part(text=said, finish_reason="stop", memory=memory)


async def _in_one_thread(made: Generator[T]) -> AsyncIterator[T]:
    """Yield what an iterator makes that holds a lock, which only the thread that took it releases.

    It is closed when nobody listens any more.
    """
    loop, queue = get_running_loop(), Queue[T | None]()
    is_over = Event()

    def make() -> None:
        try:
            for one in made:
                if is_over.is_set():
                    return
                loop.call_soon_threadsafe(queue.put_nowait, one)
        finally:
            made.close()
            loop.call_soon_threadsafe(queue.put_nowait, None)

    making = create_task(run_in_threadpool(make))
    try:
        while (one := await queue.get()) is not None:
            yield one
        await making
    finally:
        is_over.set()


async def _written(
    reply: _Reply, served: ServedModel, asked: ChatRequest, most_tokens: int
) -> AsyncIterator[_Part]:
    """Yield what stands of the text that is being written."""
    passages = served.write(
        asked.chat(),
        mode=reply.mode,
        max_new_tokens=most_tokens,
        temperature=asked.temperature,
        seed=asked.seed,
    )
    shown = 0
    async for passage in _in_one_thread(passages):
        new, shown = passage.text[shown : passage.num_standing], passage.num_standing
        if passage.finish_reason:
            yield _Part(
                text=new,
                finish_reason=passage.finish_reason,
                usage=_usage(passage),
                memory=await run_in_threadpool(served.sources, passage, reply.mode),
            )
        elif new:
            yield _Part(text=new)


def _usage(passage: "Passage") -> dict[str, int]:
    own = {"prompt_tokens": passage.num_prompt_tokens, "completion_tokens": len(passage.ids)}
    return {**own, "total_tokens": sum(own.values())}


async def _until_done(
    parts: AsyncIterator[_Part], then: Callable[[], None]
) -> AsyncIterator[_Part]:
    try:
        async for part in parts:
            yield part
    finally:
        then()


def _error(status: int, why: str) -> JSONResponse:
    return JSONResponse(_told(status, why), status)


def _told(status: int, why: str) -> dict[str, Any]:
    kinds = {429: "rate_limit_error", 500: "server_error"}
    return {"error": {"message": why, "type": kinds.get(status, "invalid_request_error")}}


def _failed(error: Exception) -> str:
    # What went wrong may name files of this machine: that stands in its log.
    _log.error("a chat completion failed", exc_info=error)
    return f"the answer failed ({type(error).__name__}); the server's log says why"
