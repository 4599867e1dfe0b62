"""What went wrong, as an HTTP status and an envelope. Texts never repeat a token or a key."""

from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic.alias_generators import to_camel
from starlette.exceptions import HTTPException

from ticketing.domain.errors import RETRY_AFTER_SECONDS, Refused, TicketingError, Unavailable
from ticketing.web.answers import Answer, Failure, failure

LOG = structlog.stdlib.get_logger("ticketing.web")
QUOTED_AT_MOST = 80


class NotKnown(Refused):
    """The request carries no living API key."""

    status = HTTPStatus.UNAUTHORIZED


class NotAllowed(Refused):
    """The key's role does not include this."""

    status = HTTPStatus.FORBIDDEN


class TooManyRequests(Refused):
    """One address asked too often without a key."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    retry_after = RETRY_AFTER_SECONDS


class Busy(Unavailable):
    """More is asked for at once than the service takes on."""


class GoneElsewhere(Refused):
    """A way of asking that has ended; the message names the one that took its place."""

    status = HTTPStatus.GONE


class BodyTooLarge(Refused):
    """The request's body is larger than anything that could be asked for."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


def failures(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """These statuses for the OpenAPI description."""
    return {status: {"model": Failure} for status in sorted(statuses)}


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """These statuses, with what any call behind a key can answer."""
    return failures(400, 401, 403, 413, 422, 503, *statuses)


def problem(error: TicketingError) -> Answer:
    """The envelope of one of our own errors."""
    answer = failure(error.status, error.code, str(error), _plain(error.details))
    if isinstance(error, NotKnown):
        answer.headers["WWW-Authenticate"] = "Bearer"
    if error.retry_after is not None:
        answer.headers["Retry-After"] = str(error.details.get("retryAfter", error.retry_after))
    return answer


def register(app: FastAPI) -> None:
    """Let every failure of the application leave as an envelope."""
    app.add_exception_handler(TicketingError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)


async def _ours(_: Request, error: Exception) -> Answer:
    if not isinstance(error, TicketingError):
        raise error
    return problem(error)


async def _invalid(_: Request, error: Exception) -> Answer:
    if not isinstance(error, RequestValidationError):
        raise error
    found = error.errors()
    if any(fault["type"] == "json_invalid" for fault in found):
        return failure(400, "malformed_json", "the body is not JSON")
    fields = [_fault(fault) for fault in found]
    named = ", ".join(sorted({str(fault["field"]) for fault in fields}))
    return failure(422, "invalid_request", f"cannot be used: {named}", {"fields": fields})


async def _http(_: Request, error: Exception) -> Answer:
    if not isinstance(error, HTTPException):
        raise error
    status = HTTPStatus(error.status_code)
    answer = failure(status, status.name.lower(), status.phrase)
    answer.headers.update(error.headers or {})
    return answer


def unforeseen(error: Exception) -> Answer:
    """The envelope of what nobody thought of."""
    # the kind only: a driver's text can quote a row
    LOG.error("request failed", kind=type(error).__name__)
    return failure(500, "internal_error", "this should not have happened; the log has the request")


def _fault(fault: dict[str, Any]) -> dict[str, object]:
    place = tuple(fault["loc"])
    return {
        "field": ".".join(map(str, place[1:])) or str(place[0]),
        "value": ascii(fault.get("input"))[:QUOTED_AT_MOST],
        "message": str(fault["msg"]),
    }


def _plain(details: dict[str, object]) -> dict[str, Any]:
    return {
        to_camel(name): fact if isinstance(fact, int | float | str) else str(fact)
        for name, fact in details.items()
    }
