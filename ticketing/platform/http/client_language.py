"""The language that the browser of a request asks for."""

from typing import Annotated

from fastapi import Depends, Request

from ticketing.platform.kernel.languages import choose_language


def client_language(request: Request) -> str:
    """Return the preferred one of our languages; empty if the browser asks for none of them."""
    return choose_language(request.headers.get("Accept-Language", ""))


ClientLanguage = Annotated[str, Depends(client_language)]
