"""Errors as an HTTP status and an envelope. Messages never repeat a token or a key."""

import json
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic.alias_generators import to_camel
from starlette.exceptions import HTTPException

from ticketing.platform.http.envelope import AsciiJSONResponse, ErrorResponse, error_response
from ticketing.platform.kernel.errors import (
    RETRY_AFTER_SECONDS,
    GatewayUnavailable,
    Refused,
    RouterUnavailable,
    TicketingError,
    Unavailable,
    UnknownEvent,
)

LOG = structlog.stdlib.get_logger("ticketing.app.web")
MAX_QUOTED_LENGTH = 80
JSON_MEDIA_TYPE = "application/json"
_TYPES_OF_UNIONS = {
    "int",
    "str",
    "constrained-int",
    "constrained-str",
}  # not part of a field's name


class NotKnown(Refused):
    """The request has no valid API key."""

    status = HTTPStatus.UNAUTHORIZED


class NotAllowed(Refused):
    """The key's role does not include this."""

    status = HTTPStatus.FORBIDDEN


class TooManyRequests(Refused):
    """One address exceeded its rate limit."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    retry_after = RETRY_AFTER_SECONDS


class Busy(Unavailable):
    """The service has reached its limit of concurrent work."""


class GoneElsewhere(Refused):
    """The endpoint was removed; the message names its replacement."""

    status = HTTPStatus.GONE


class NotJson(Refused):
    """The body of the request is not declared as JSON."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class BodyTooLarge(Refused):
    """The body of the request exceeds the limit."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


def error_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI description of these error statuses."""
    return {status: {"model": ErrorResponse} for status in sorted(statuses)}


def authenticated_error_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI description of these statuses and those of every call with a key."""
    return error_responses(400, 401, 403, 413, 422, 429, 503, *statuses)


# in place of messages that name hosts, sockets, or events that are not on sale
_PUBLIC_MESSAGES: dict[type[TicketingError], str] = {
    UnknownEvent: "there is no such event",
    Unavailable: "the database does not answer; try again",
    GatewayUnavailable: "the payment gateway does not answer; try again",
    RouterUnavailable: "the router does not answer; try again",
}


def to_error_response(error: TicketingError) -> AsciiJSONResponse:
    """Return the response for one of our own errors."""
    message = _PUBLIC_MESSAGES.get(type(error), str(error))
    if isinstance(error, Unavailable):
        LOG.warning("request could not be served", code=error.code, reason=str(error))
    response = error_response(error.status, error.code, message, _json_details(error.details))
    if isinstance(error, NotKnown):
        response.headers["WWW-Authenticate"] = "Bearer"
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.details.get("retryAfter", error.retry_after))
    return response


def register_error_handlers(app: FastAPI) -> None:
    """Register the handlers that turn every exception into an envelope."""
    app.add_exception_handler(TicketingError, _handle_ticketing_error)
    app.add_exception_handler(RequestValidationError, _handle_validation_error)
    app.add_exception_handler(HTTPException, _handle_http_exception)


async def _handle_ticketing_error(_: Request, error: Exception) -> AsciiJSONResponse:
    if not isinstance(error, TicketingError):
        raise error
    return to_error_response(error)


async def _handle_validation_error(request: Request, error: Exception) -> AsciiJSONResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    errors = error.errors()
    media_type = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    is_json = media_type == JSON_MEDIA_TYPE or media_type.endswith("+json")
    if not is_json and any(tuple(fault["loc"]) == ("body",) for fault in errors):
        # such a body is not parsed; curl sends one unless it is told the type
        sent = repr(media_type) if media_type else "none"
        return to_error_response(NotJson(f"send Content-Type: {JSON_MEDIA_TYPE}; it is {sent}"))
    if any(fault["type"] == "json_invalid" for fault in errors):
        return error_response(400, "malformed_json", "the body is not valid JSON")
    # a field of several types fails once for each; the first error stands for all
    by_field = {str(fault["field"]): fault for fault in map(_field_error, reversed(errors))}
    fields, names = [*reversed(by_field.values())], ", ".join(sorted(by_field))
    return error_response(422, "invalid_request", f"invalid fields: {names}", {"fields": fields})


async def _handle_http_exception(_: Request, error: Exception) -> AsciiJSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    status = HTTPStatus(error.status_code)
    response = error_response(status, status.name.lower(), status.phrase)
    response.headers.update(error.headers or {})
    return response


def internal_error_response(error: Exception) -> AsciiJSONResponse:
    """Return the response for an unexpected exception, and log its class."""
    # the class only: the text of a driver's error can quote a row
    LOG.error("request failed", kind=type(error).__name__)
    return error_response(500, "internal_error", "unexpected error; the log has the request id")


def _field_error(error: dict[str, Any]) -> dict[str, object]:
    location = [part for part in error["loc"] if part not in _TYPES_OF_UNIONS]
    field = ".".join(map(str, location[1:])) or str(location[0])
    # the input of a missing field is the object around it, which can be the whole body
    quoted = {} if error["type"] == "missing" else {"value": _quote_json(error.get("input"))}
    return {"field": field, **quoted, "message": str(error["msg"])}


def _quote_json(value: object) -> str:
    """Return the beginning of a value as JSON; of an object or list only what it is."""
    if isinstance(value, dict | list):
        return "{…}" if isinstance(value, dict) else "[…]"
    try:
        return json.dumps(value)[:MAX_QUOTED_LENGTH]
    except (TypeError, ValueError):
        return ""


def _json_details(details: dict[str, object]) -> dict[str, Any]:
    return {
        to_camel(name): fact if isinstance(fact, int | float | str) else str(fact)
        for name, fact in details.items()
    }
