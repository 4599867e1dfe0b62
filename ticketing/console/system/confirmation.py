"""Forms that ask for the own password again, so that an unattended browser can do no harm."""

from typing import Annotated

from fastapi import Depends
from fastapi.concurrency import run_in_threadpool

from ticketing.access.authentication import AnyEventViewer
from ticketing.access.sign_in.sign_in import confirm_password
from ticketing.console.html import CheckedForm, PageDependency
from ticketing.platform.http.client_network import client_network
from ticketing.platform.http.services import now


async def read_confirmed_form(
    page: PageDependency, caller: AnyEventViewer, fields: CheckedForm
) -> dict[str, str]:
    """Return the fields of a form. Raises WrongPassword unless it has the caller's password."""
    await run_in_threadpool(
        confirm_password, page.services.database, caller, fields.get("confirm", ""),
        address=client_network(page.request), at=now(),
    )  # fmt: skip
    return fields


ConfirmedForm = Annotated[dict[str, str], Depends(read_confirmed_form)]
