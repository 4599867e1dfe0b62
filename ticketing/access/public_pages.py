"""Routers of the HTML pages that everybody may open."""

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse

from ticketing.access.authentication import rate_limit_by_address
from ticketing.platform.http.pages import PAGE_ERROR_RESPONSES, PageRoute


def pages_router(prefix: str = "", *, limits_addresses: bool = True) -> APIRouter:
    """Return a router of pages whose errors are pages, too.

    Without `limits_addresses`, a dependency of each page has to limit the requests of an address.
    """
    return APIRouter(
        prefix=prefix,
        tags=["pages"],
        route_class=PageRoute,
        default_response_class=HTMLResponse,
        dependencies=[Depends(rate_limit_by_address)] if limits_addresses else [],
        responses=PAGE_ERROR_RESPONSES,
    )
