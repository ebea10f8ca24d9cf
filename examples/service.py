"""
A service
=========

A frozen pipeline behind HTTP, without torch. This program is there to be copied::

    pip install fastapi "uvicorn[standard]"
    MODEL_FOLDER=reviews OMP_NUM_THREADS=1 uvicorn service:app
    curl --json '{"texts": ["a great joy", "a bore"]}' localhost:8000/predict
"""

import os
from typing import Annotated

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, StringConstraints
from starlette.types import ASGIApp, Receive, Scope, Send

from sklearn_static import StaticPipeline

MOST_BYTES, MOST_TEXTS, MOST_CHARACTERS = 1_000_000, 256, 100_000

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
    """Refuse a body that is too large, or no JSON, before it is read."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app: ASGIApp = self.app
        if scope["type"] == "http" and scope["method"] == "POST":
            app = objection(dict(scope["headers"])) or app
        await app(scope, receive, send)


def objection(headers: dict[bytes, bytes]) -> JSONResponse | None:
    """The answer to a request whose body is not to be read."""
    size, kind = headers.get(b"content-length"), headers.get(b"content-type", b"")
    if size is None:
        return refusal(411, "The request has no Content-Length.")
    if int(size) > MOST_BYTES:
        return refusal(413, f"The body has {int(size)} bytes, more than {MOST_BYTES}.")
    if not kind.startswith(b"application/json"):
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
