"""The page for whoever watches over vouchers. It is public and empty: its data take a key."""

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse

from ticketing.documents.console_page import policy, voucher_console
from ticketing.web.answers import PRIVATE
from ticketing.web.pages import is_rehearsal
from ticketing.web.service import Serving

router = APIRouter(tags=["pages"], default_response_class=HTMLResponse)


@router.get("/voucher")
def console(serving: Serving) -> Response:
    """The console of vouchers; it asks for an API key and keeps it in the browser's tab."""
    headers = PRIVATE | {"Content-Security-Policy": policy()}
    return HTMLResponse(voucher_console(rehearsal=is_rehearsal(serving)), headers=headers)
