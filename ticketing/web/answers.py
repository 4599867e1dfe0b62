"""The shape of every JSON answer: success with data, or an error with a code for machines."""

import json
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Generic, Literal, TypeVar

from fastapi import Path, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

LARGEST_ID = 2**63 - 1
PRIVATE = {"Cache-Control": "private, no-store"}
Handler = Callable[[Request], Coroutine[Any, Any, Response]]
T = TypeVar("T")

# in a body only whole numbers are numbers; in an address everything is text
Id = Annotated[int, Field(ge=1, le=LARGEST_ID, strict=True)]
IdInPath = Annotated[int, Path(ge=1, le=LARGEST_ID)]
EventInPath = Annotated[
    str, Path(pattern="^[a-z0-9-]{1,63}$", description="The event's slug or number.")
]
Offset = Annotated[int, Field(ge=0, le=LARGEST_ID)]


class Said(BaseModel):
    """Something in an answer: camelCase on the wire."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class Asked(Said):
    """Something in a request; fields that nobody knows are refused rather than ignored."""

    model_config = ConfigDict(extra="forbid")


class Success(BaseModel, Generic[T]):
    """What was asked for."""

    success: Literal[True] = True
    data: T


class Problem(BaseModel):
    """What is wrong: a constant for machines, a sentence for people, facts."""

    code: str
    message: str
    details: dict[str, Any]


class Failure(BaseModel):
    """Why there is nothing."""

    success: Literal[False] = False
    error: Problem


class Answer(JSONResponse):
    """JSON in ASCII: half a surrogate pair in a text that is quoted back breaks nothing."""

    def render(self, content: object) -> bytes:
        """The bytes."""
        return json.dumps(content, separators=(",", ":")).encode("ascii")


def failure(status: int, code: str, message: str, details: dict[str, Any] | None = None) -> Answer:
    """The answer to what cannot be done."""
    problem = {"code": code, "message": message, "details": details or {}}
    return Answer({"success": False, "error": problem}, status_code=status)
