"""The audit log: who changed what, and when."""

from typing import Annotated

from fastapi import Query, Response
from pydantic import BaseModel, Field

from ticketing.access.authentication import Admin
from ticketing.access.signed_in_pages import signed_in_pages_router
from ticketing.console.html import PageDependency
from ticketing.console.system import audit_queries
from ticketing.platform.http.envelope import MAX_ID

AUDIT_PATH = "/console/audit"

router = signed_in_pages_router(AUDIT_PATH, include_in_schema=False)


class AuditFilter(BaseModel):
    """Beginnings of texts, and the id before which a page begins."""

    actor: Annotated[str, Field(max_length=200)] = ""
    action: Annotated[str, Field(max_length=200)] = ""
    subject: Annotated[str, Field(max_length=200)] = ""
    before: Annotated[int | None, Field(ge=1, le=MAX_ID)] = None


@router.get("")
def show_audit_log(
    page: PageDependency, caller: Admin, chosen: Annotated[AuditFilter, Query()]
) -> Response:
    """Return entries whose actor, action and subject begin with the texts, from the newest."""
    texts = {name: value.strip() for name, value in chosen.model_dump(exclude={"before"}).items()}
    found = page.services.database.run(audit_queries.list_entries, **texts, before=chosen.before)
    size = audit_queries.PAGE
    return page.render(
        "audit.html.j2", caller, entries=found[:size], is_first=chosen.before is None,
        filters=texts, following=found[size - 1].id if len(found) > size else None,
    )  # fmt: skip
