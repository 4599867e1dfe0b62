"""Routers of the JSON operations that everybody may call."""

from fastapi import APIRouter, Depends

from ticketing.access.authentication import rate_limit_by_address
from ticketing.platform.http.envelope import AsciiJSONResponse
from ticketing.platform.http.errors import error_responses


def public_json_router(prefix: str, tag: str, *statuses: int) -> APIRouter:
    """Return a router of operations without a key that can fail with these statuses too.

    The requests of an address are limited.
    """
    return APIRouter(
        prefix=prefix,
        tags=[tag],
        default_response_class=AsciiJSONResponse,
        dependencies=[Depends(rate_limit_by_address)],
        responses=error_responses(422, 429, 503, *statuses),
    )
