"""HTTP API of people's data, for admins: export and erasure. Contacts are in bodies, not in URLs.

The web service logs paths, and a path with an e-mail address would be stored there.
"""

import json
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from ticketing.access.authenticated_route import authenticated_router
from ticketing.access.authentication import Admin
from ticketing.people_data.erase_person import PersonEraser
from ticketing.people_data.export_person import export_person
from ticketing.platform.http.envelope import (
    RequestModel,
    ResponseModel,
    SuccessResponse,
    with_example,
)
from ticketing.platform.http.fields import PlanHash
from ticketing.platform.http.services import ServicesDependency, now

router = authenticated_router("/api/people", "people", 404, 409)
MAX_IDENTIFIERS = 20

Identifiers = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=254)]],
    Field(min_length=1, max_length=MAX_IDENTIFIERS),
]
RowsByTable = Annotated[
    dict[str, int], Field(description="Number of rows by table; tables without any are left out.")
]


class PersonRequest(RequestModel):
    """The person that is meant."""

    model_config = with_example({"person": ["siti@example.org", "guest:12"]})

    person: Identifiers
    """E-mail addresses, phone numbers, guest ids and order codes of one person; `guest:12`,
    `order:ABCD`, `email:…` and `tel:…` say which of them a text is."""
    all_matches: bool = False
    """Whether people of different names who share a contact are all meant; else they are
    refused."""


class ErasurePlanRequest(PersonRequest):
    """The person to be erased."""

    model_config = with_example({"person": ["siti@example.org"], "revokeTickets": True})

    revoke_tickets: bool = False
    """Whether live tickets of events that are not over are revoked; else they prevent it."""


class ErasureRequest(ErasurePlanRequest):
    """The person to be erased, and the plan to apply."""

    model_config = with_example({"person": ["siti@example.org"], "planHash": "0f3c…"})

    plan_hash: Annotated[str, Field(min_length=1, max_length=64)]
    """The hash of the plan, made with the same person and options."""


class PersonExportResponse(ResponseModel):
    """Everything known of a person, without tokens and passwords."""

    exported_at: datetime
    """When it was read, UTC."""
    contacts: list[str]
    """The e-mail addresses and phone numbers by which records were found."""
    records: dict[str, list[dict[str, Any]]]
    """The rows by table, each with the columns of the database; times in UTC, amounts in whole
    rupiah."""


class ErasurePlanResponse(ResponseModel):
    """What the erasure would do; nothing has changed yet."""

    plan_hash: PlanHash
    counts: RowsByTable
    obstacles: list[str]
    """Why the person cannot be erased now, each with the way out; empty if it can."""
    live_tickets: int
    """Number of live tickets of events that are not over; they would be revoked."""
    files: int
    """Number of files to be deleted: rejected rows, rosters and mails that name the person."""
    unsearched: list[str]
    """Workbooks on the disk of the service that are not searched; look into them yourself."""


class ErasureResponse(ResponseModel):
    """An erasure."""

    counts: RowsByTable
    repeated: bool
    """Whether an earlier request had erased the person under this plan."""


@router.post("/export")
def export(
    body: PersonRequest, services: ServicesDependency, caller: Admin
) -> SuccessResponse[PersonExportResponse]:
    """Export everything known of one person; the audit log records who read it."""
    found = export_person(
        services.database, body.person, all_matches=body.all_matches, at=now(), by=caller.actor
    )
    records = json.loads(found.as_json())["records"]
    return SuccessResponse(
        data=PersonExportResponse(
            exported_at=found.at, contacts=list(found.contacts), records=records
        )
    )


@router.post("/erasures/plan")
def plan_erasure(
    body: ErasurePlanRequest, services: ServicesDependency, _caller: Admin
) -> SuccessResponse[ErasurePlanResponse]:
    """Count what erasing a person would change or delete."""
    plan = _eraser(services, body).plan(body.person, at=now())
    return SuccessResponse(
        data=ErasurePlanResponse(
            plan_hash=plan.plan_hash,
            counts=dict(plan.counts),
            obstacles=list(plan.obstacles),
            live_tickets=plan.live_tickets,
            files=len(plan.files),
            unsearched=[path.name for path in plan.unsearched],
        )
    )


@router.post("/erasures")
def erase(
    body: ErasureRequest, services: ServicesDependency, caller: Admin
) -> SuccessResponse[ErasureResponse]:
    """Erase a person as planned; the same request again erases nothing more."""
    done = _eraser(services, body).apply(body.person, body.plan_hash, at=now(), by=caller.actor)
    return SuccessResponse(data=ErasureResponse(counts=dict(done.counts), repeated=done.repeated))


def _eraser(services: ServicesDependency, body: ErasurePlanRequest) -> PersonEraser:
    return PersonEraser.of(
        services, all_matches=body.all_matches, revoke_tickets=body.revoke_tickets
    )
