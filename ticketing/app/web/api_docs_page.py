"""The page that describes the HTTP API, for users and keys: Swagger UI from an installed package.

Nothing is loaded from elsewhere, and no script stands in the page itself.
"""

from importlib.metadata import distribution
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

from ticketing.access.authenticated_route import AuthenticatedRoute
from ticketing.access.authentication import AnyEventViewer
from ticketing.access.sign_in.html import REFERRER_POLICY
from ticketing.access.signed_in_pages import signed_in_pages_router

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'none';"
    " script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'"
)
_START = """\
window.addEventListener("DOMContentLoaded", () => {
  SwaggerUIBundle({ url: "openapi.json", dom_id: "#api", deepLinking: true, validatorUrl: null });
});
"""
_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>HTTP API</title>
<link rel="icon" type="image/png" href="docs/files/favicon-32x32.png">
<link rel="stylesheet" href="docs/files/swagger-ui.css">
<script src="docs/files/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</head>
<body>
<div id="api"></div>
<noscript>
<p>This page needs JavaScript. <a href="openapi.json">openapi.json</a> does not.</p>
</noscript>
</body>
</html>
"""

router = signed_in_pages_router("/docs", include_in_schema=False)
json_router = APIRouter(route_class=AuthenticatedRoute, include_in_schema=False)


@router.get("")
def show_api(_: AnyEventViewer) -> Response:
    """Return the page."""
    policy = {"Content-Security-Policy": CONTENT_SECURITY_POLICY}
    return HTMLResponse(_PAGE, headers=REFERRER_POLICY | policy)


@json_router.get("/openapi.json")
def describe_api(request: Request, _: AnyEventViewer) -> dict[str, Any]:
    """Return the description of the API."""
    described: dict[str, Any] = request.app.openapi()
    return described


@router.get("/start.js")
def get_start() -> Response:
    """Return the script that starts Swagger UI."""
    return Response(_START, media_type="text/javascript")


def swagger_ui_files() -> StaticFiles:
    """Return the application that serves Swagger UI's files."""
    # located, not imported: the package's own module would import Flask
    folder = distribution("flask-swagger-ui").locate_file("flask_swagger_ui/dist")
    return StaticFiles(directory=str(folder))
