"""
A service
=========

A frozen pipeline behind HTTP, without torch. This program is there to be copied::

    pip install fastapi "uvicorn[standard]"
    MODEL_FOLDER=reviews OMP_NUM_THREADS=1 uvicorn service:app
    curl --json '{"texts": ["a great joy", "a bore"]}' localhost:8000/predict
"""

import asyncio
import os
from typing import Annotated

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, StringConstraints
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sklearn_static import StaticPipeline

MOST_BYTES, MOST_TEXTS, MOST_CHARACTERS = 1_000_000, 256, 100_000
MOST_SECONDS = 10  # for a body to arrive

# Opened and warmed before the first request comes, and before a server forks.
PIPELINE = StaticPipeline.from_pretrained(os.environ.get("MODEL_FOLDER", "model"))
PIPELINE.predict_proba(["A text like those to come."])
TELLS_NOVEL = getattr(PIPELINE["head"], "novelty_threshold", None) is not None


class Question(BaseModel):
    """The body of a request."""

    texts: Annotated[
        list[Annotated[str, StringConstraints(max_length=MOST_CHARACTERS)]],
        Field(max_length=MOST_TEXTS),
    ]


class Prediction(BaseModel):
    """The most probable class of one text."""

    label: str | int | float | bool
    probability: float
    novel: bool | None = None  # None where the model has no threshold


class Gate:
    """Refuse a body that is no JSON, too large or too slow, as early as it shows."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app: ASGIApp = self.app
        if scope["type"] == "http" and scope["method"] == "POST":
            refused = objection(dict(scope["headers"]))
            body = refused or await read_body(receive)
            if isinstance(body, JSONResponse):
                app = body
            else:
                receive = replay(body, receive)
        await app(scope, receive, send)


async def read_body(receive: Receive) -> bytes | JSONResponse:
    """The body, or the answer to one that is not read to its end.

    Bytes are counted as they come: what Content-Length says need not be true.
    """
    body = b""
    message: Message = {"more_body": True}
    try:
        async with asyncio.timeout(MOST_SECONDS):
            while message.get("more_body") and len(body) <= MOST_BYTES:
                message = await receive()
                body += message.get("body", b"")
    except TimeoutError:
        return hang_up(408, f"The body took more than {MOST_SECONDS} seconds.")
    if len(body) > MOST_BYTES:
        return hang_up(413, f"The body has more than {MOST_BYTES} bytes.")
    return body


def hang_up(status: int, detail: str) -> JSONResponse:
    """An answer after which nothing more is read from the connection."""
    answer = refusal(status, detail)
    answer.headers["Connection"] = "close"
    return answer


def replay(body: bytes, receive: Receive) -> Receive:
    """What receives `body`, and then what `receive` does."""
    left: list[Message] = [{"type": "http.request", "body": body}]

    async def received() -> Message:
        return left.pop() if left else await receive()

    return received


def objection(headers: dict[bytes, bytes]) -> JSONResponse | None:
    """The answer to a request whose body is not to be read."""
    size, kind = headers.get(b"content-length"), headers.get(b"content-type", b"")
    kind = kind.partition(b";")[0].strip().lower()
    if size is None:
        return refusal(411, "The request has no Content-Length.")
    if int(size) > MOST_BYTES:
        return refusal(413, f"The body has {int(size)} bytes, more than {MOST_BYTES}.")
    if kind != b"application/json":
        return refusal(415, "The Content-Type is not application/json.")
    return None


def refusal(status: int, detail: str) -> JSONResponse:
    """An answer that says why there is no other."""
    return JSONResponse({"detail": detail}, status)


app = FastAPI(title="Text classification")
app.add_middleware(Gate)


@app.exception_handler(RequestValidationError)
def refuse(request: Request, error: RequestValidationError) -> JSONResponse:
    """Say what is wrong first, but not repeat the texts as FastAPI would."""
    first, *_ = error.errors()
    return refusal(422, f"{'.'.join(map(str, first['loc']))}: {first['msg']}")


@app.get("/health")
async def health() -> dict[str, str]:
    """Say that requests can come."""
    return {"status": "ready"}


@app.post("/predict")
async def predict(question: Question) -> list[Prediction]:
    """Classify texts, for which others wait: the limits bound how long."""
    probabilities = PIPELINE.predict_proba(question.texts)
    best = probabilities.argmax(axis=1)
    labels = PIPELINE.classes_[best].tolist()
    novel = [None] * len(labels)
    if TELLS_NOVEL:
        novel = PIPELINE.is_novel(question.texts).tolist()
    return [
        Prediction(label=label, probability=probability, novel=is_novel)
        for label, probability, is_novel in zip(
            labels, probabilities.max(axis=1), novel, strict=True
        )
    ]
