"""HTTP API of gates: lists, pairing a phone, its key, shutting it out, and its pack."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field

from ticketing.access.authenticated_route import authenticated_router
from ticketing.access.authentication import Gate, Operator, Viewer, rate_limit_by_address
from ticketing.checkin.gate_pack import build_gate_pack
from ticketing.checkin.lists import MAX_NAME_LENGTH, add_list, list_lists
from ticketing.checkin.pairing import (
    DEFAULT_HOURS,
    MAX_GATE_LENGTH,
    MAX_HOURS,
    create_pairing,
    exchange_code,
    list_gates,
    revoke_gate,
)
from ticketing.crypto.keyring import KeyRing
from ticketing.events.queries import get_event
from ticketing.platform.http.envelope import (
    AsciiJSONResponse,
    EventInPath,
    RequestModel,
    ResponseModel,
    SuccessResponse,
    with_example,
)
from ticketing.platform.http.errors import error_responses
from ticketing.platform.http.services import ServicesDependency, now

router = authenticated_router("/api/events", "check-in", 404, 409)
pairing_router = APIRouter(
    prefix="/api/gates",
    tags=["check-in"],
    default_response_class=AsciiJSONResponse,
    dependencies=[Depends(rate_limit_by_address)],
    responses=error_responses(400, 404, 413, 422, 429, 503),
)


class CheckInListResponse(ResponseModel):
    """A check-in list: the entrance, or something else that admits a ticket once."""

    id: int
    """The list, for `listId` of a scan."""
    name: str
    """Its name."""
    ticket_type_ids: list[int] | None
    """The ticket types on the list; null for all."""
    allows_reentry: bool
    """Whether an exit lets a ticket in again."""


class CheckInListsResponse(ResponseModel):
    """The check-in lists of an event."""

    lists: list[CheckInListResponse]
    """The lists; the first is the entrance, which every event has."""


class NewListRequest(RequestModel):
    """A check-in list to be created."""

    model_config = with_example({"name": "Lounge", "ticketTypes": ["VIP"]})

    name: Annotated[str, Field(min_length=1, max_length=MAX_NAME_LENGTH)]
    """Its name, which no other list of the event has."""
    ticket_types: Annotated[list[str], Field(max_length=100)] | None = None
    """Names of the ticket types on it; null for all."""
    allows_reentry: bool = False
    """Whether an exit lets a ticket in again."""


class NewGateRequest(RequestModel):
    """A phone to be paired."""

    model_config = with_example({"name": "Gate 2", "hours": 12})

    name: Annotated[str, Field(min_length=1, max_length=MAX_GATE_LENGTH)]
    """Name of the gate, which its scans carry."""
    hours: Annotated[int, Field(ge=1, le=MAX_HOURS, strict=True)] = DEFAULT_HOURS
    """Number of hours for which the phone's key is valid."""


class PairingResponse(ResponseModel):
    """A code for one phone; it is shown only here."""

    gate: str
    """Name of the gate."""
    code: str
    """The code, to be exchanged at `/api/gates/pair`."""
    url: str
    """Address of the gate's page with the code, to be opened by the phone."""
    expires_at: datetime
    """When the code ends."""


class PairRequest(RequestModel):
    """The code that the phone was shown."""

    model_config = with_example({"code": "q0m3oXnVb6V7l2o3fQ0r1A"})

    code: Annotated[str, Field(min_length=10, max_length=100)]
    """The pairing code."""


class PairedGateResponse(ResponseModel):
    """The key of a gate; it is returned only once."""

    key: str
    """API key of the role `gate`, for this event only."""
    gate: str
    """Name of the gate, with a number of its own."""
    event_id: int
    """The event."""
    event_slug: str
    """Slug of the event."""
    event_name: str
    """Name of the event."""
    expires_at: datetime | None
    """When the key ends."""


class GateResponse(ResponseModel):
    """A paired gate."""

    name: str
    """Its name."""
    created_at: datetime
    """When the phone was paired."""
    expires_at: datetime | None
    """When its key ends."""
    last_used_at: datetime | None
    """When it last asked us, to the minute; null for never."""
    revoked_at: datetime | None
    """When it was shut out; null if it was not."""
    last_scan_at: datetime | None
    """Its newest scan; null without one."""
    scans: int
    """Number of its scans."""


class GatesResponse(ResponseModel):
    """The gates of an event."""

    gates: list[GateResponse]
    """All that were paired, the newest first."""


class GatePackResponse(ResponseModel):
    """Signed data with which a gate decides without network."""

    pack: str
    """A JSON document as text; docs/reference/check-in.md describes it."""
    signature: str
    """Ed25519 over `ticketing document 1`, a zero byte and the UTF-8 bytes of `pack`; base64url."""
    public_key: str
    """The key of that signature, which stays the same for this installation; base64url."""


class ShutOutRequest(RequestModel):
    """A gate to be shut out."""

    model_config = with_example({"name": "Gate 2 (1f0c)"})

    name: Annotated[str, Field(min_length=1, max_length=100)]
    """Name of the gate, as listed."""


@router.get("/{event}/checkin-lists")
def lists(
    event: EventInPath, services: ServicesDependency, _: Gate
) -> SuccessResponse[CheckInListsResponse]:
    """Return the check-in lists of an event."""
    known = get_event(services.database, event)
    found = list_lists(services.database, known, at=now())
    return SuccessResponse(data=CheckInListsResponse.model_validate({"lists": found}))


@router.post("/{event}/checkin-lists", status_code=201)
def create_list(
    event: EventInPath, body: NewListRequest, services: ServicesDependency, caller: Operator
) -> SuccessResponse[CheckInListResponse]:
    """Create a check-in list."""
    known = get_event(services.database, event)
    added = add_list(
        services.database, known, body.name, types=body.ticket_types,
        allows_reentry=body.allows_reentry, by=caller.actor, at=now(),
    )  # fmt: skip
    return SuccessResponse(data=CheckInListResponse.model_validate(added))


@router.get("/{event}/gates")
def gates(
    event: EventInPath, services: ServicesDependency, _: Viewer
) -> SuccessResponse[GatesResponse]:
    """Return the gates that were paired for an event."""
    known = get_event(services.database, event)
    found = list_gates(services.database, known)
    return SuccessResponse(data=GatesResponse.model_validate({"gates": found}))


@router.post("/{event}/gates", status_code=201)
def create_gate(
    event: EventInPath,
    body: NewGateRequest,
    request: Request,
    services: ServicesDependency,
    caller: Operator,
) -> SuccessResponse[PairingResponse]:
    """Create a code with which one phone becomes a gate of the event."""
    known = get_event(services.database, event)
    pairing = create_pairing(
        services.database, known, body.name, hours=body.hours, by=caller.actor, at=now()
    )
    return SuccessResponse(
        data=PairingResponse(
            gate=pairing.gate, code=pairing.code, expires_at=pairing.expires_at,
            url=services.absolute_url(request, f"/gate/#pair={pairing.code}"),
        )
    )  # fmt: skip


@router.post("/{event}/gates/shut-out")
def shut_out(
    event: EventInPath, body: ShutOutRequest, services: ServicesDependency, caller: Operator
) -> SuccessResponse[GatesResponse]:
    """Shut out a lost phone: its next request is refused. Safe to repeat."""
    known = get_event(services.database, event)
    revoke_gate(services.database, known, body.name, by=caller.actor)
    found = list_gates(services.database, known)
    return SuccessResponse(data=GatesResponse.model_validate({"gates": found}))


@router.get("/{event}/gate-pack")
def gate_pack(
    event: EventInPath,
    services: ServicesDependency,
    _: Gate,
    names: Annotated[bool, Query(description="Whether to add names and seats.")] = False,
) -> SuccessResponse[GatePackResponse]:
    """Return what a gate needs to decide without network: keys, lists, used and refused tickets."""
    known = get_event(services.database, event)
    pack = build_gate_pack(
        services.database, known, services.get(KeyRing), with_names=names, at=now()
    )
    return SuccessResponse(data=GatePackResponse.model_validate(pack))


@pairing_router.post("/pair", status_code=201)
def pair(body: PairRequest, services: ServicesDependency) -> SuccessResponse[PairedGateResponse]:
    """Exchange a pairing code for the key of a gate. A code works once."""
    paired = exchange_code(services.database, body.code, at=now())
    return SuccessResponse(
        data=PairedGateResponse(
            key=paired.key.secret, gate=paired.key.key.name, event_id=paired.event.id,
            event_slug=paired.event.slug, event_name=paired.event.name,
            expires_at=paired.key.key.expires_at,
        )
    )  # fmt: skip
