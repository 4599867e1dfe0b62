"""The shape of every JSON response: success with data, or an error with a stable code."""

import json
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Generic, Literal, TypeVar

from fastapi import Path, Request, Response
from fastapi.responses import JSONResponse
from pydantic import AliasGenerator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from ticketing.platform.kernel.money import Rupiah

MAX_ID = 2**63 - 1
NO_STORE_HEADERS = {"Cache-Control": "private, no-store"}
Handler = Callable[[Request], Coroutine[Any, Any, Response]]
T = TypeVar("T")

# strict in a body, where a number must be a JSON integer
Id = Annotated[int, Field(ge=1, le=MAX_ID, strict=True)]
EventInPath = Annotated[
    str, Path(pattern="^[a-z0-9-]{1,63}$", description="The event's slug or number.")
]
Offset = Annotated[
    int, Field(ge=0, le=MAX_ID, description="Number of items to skip, in the order of the list.")
]


def _to_number(value: object) -> object:
    return value.amount if isinstance(value, Rupiah) else value


Amount = Annotated[int, BeforeValidator(_to_number)]  # whole rupiah


class ResponseModel(BaseModel):
    """Base of response models: camelCase in JSON; `model_validate` reads any object's attributes.

    The docstring under a field is its description. A validation alias names the attribute where it
    differs from the field.
    """

    model_config = ConfigDict(
        alias_generator=AliasGenerator(serialization_alias=to_camel),
        populate_by_name=True,
        from_attributes=True,
        use_attribute_docstrings=True,
    )


class RequestModel(BaseModel):
    """Base of request models: camelCase in JSON; unknown fields are an error."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        use_attribute_docstrings=True,
    )


def with_example(example: dict[str, Any]) -> ConfigDict:
    """Return the configuration of a request model whose description shows this body."""
    return ConfigDict(json_schema_extra={"examples": [example]})


class SuccessResponse(BaseModel, Generic[T]):
    """Envelope of a successful response."""

    success: Literal[True] = Field(True, description="Always true.")
    data: T = Field(description="The result.")


class ErrorDetail(BaseModel):
    """An error: a constant for programs, a message for people, and details."""

    code: str = Field(description="A constant in snake case, which programs can compare.")
    message: str = Field(description="What is wrong and what to do, in English; it may change.")
    details: dict[str, Any] = Field(
        description="Values that belong to the error, in camelCase; empty without any."
    )


class ErrorResponse(BaseModel):
    """Envelope of an error."""

    success: Literal[False] = Field(False, description="Always false.")
    error: ErrorDetail = Field(description="Why the request had no effect.")


class AsciiJSONResponse(JSONResponse):
    """JSON in ASCII, so that a lone surrogate in quoted input cannot break the encoding."""

    def render(self, content: object) -> bytes:
        """Return the content as compact ASCII JSON."""
        return json.dumps(content, separators=(",", ":")).encode("ascii")


def error_response(
    status: int, code: str, message: str, details: dict[str, Any] | None = None
) -> AsciiJSONResponse:
    """Return an error response in the envelope."""
    problem = {"code": code, "message": message, "details": details or {}}
    return AsciiJSONResponse({"success": False, "error": problem}, status_code=status)
