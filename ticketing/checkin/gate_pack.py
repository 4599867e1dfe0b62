"""The gate pack: what a gate needs to decide without network, as one signed JSON document.

Token ids are 10 bytes each, sorted and joined, so that a phone finds one of 100,000 by halving.
"""

import json
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from ticketing.catalogue import ticket_type_queries
from ticketing.checkin import list_queries, pack_queries
from ticketing.checkin.pack_queries import PackedTicket
from ticketing.crypto.key_queries import list_public_keys
from ticketing.crypto.keyring import KeyRing
from ticketing.events.model import TICKET_GRACE_PERIOD, Event
from ticketing.platform.db.database import Database

FORMAT = 1
LIFETIME = timedelta(hours=48)  # a lost phone decides no longer


@dataclass(frozen=True, slots=True)
class GatePack:
    """A pack: its JSON text, and the signature over its UTF-8 bytes in base64url."""

    pack: str
    signature: str
    public_key: str


def build_gate_pack(
    database: Database, event: Event, keys: KeyRing, *, with_names: bool, at: datetime
) -> GatePack:
    """Return the pack of an event as of now. `with_names` adds names and seats for a search."""
    generations = list_public_keys(database, event, keys=keys)
    with database.transaction() as connection:
        content = _describe(connection, event, with_names=with_names, at=at)
    content["keys"] = {str(key.generation): _encode(key.key) for key in generations}
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    signer = keys.gate_pack_signer()
    return GatePack(text, _encode(signer.sign_document(text.encode())), _encode(signer.public_key))


def _describe(
    connection: Connection, event: Event, *, with_names: bool, at: datetime
) -> dict[str, object]:
    types = ticket_type_queries.list_for_event(connection, event.id)
    tickets = pack_queries.list_tickets(connection, event.id)
    used = pack_queries.list_used_ids(connection, event.id)
    refused = pack_queries.list_refused_ids(connection, event.id)
    return {
        "format": FORMAT,
        "version": f"{at.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}",  # a newer one sorts later
        "madeAt": at.isoformat(timespec="milliseconds"),
        "expiresAt": (at + LIFETIME).isoformat(timespec="seconds"),
        "event": {
            "id": event.id,
            "slug": event.slug,
            "name": event.name,
            "timeZone": event.time_zone,
            "startsAt": event.starts_at.isoformat(),
            "endsAt": event.ends_at.isoformat(),
            "validUntil": (event.ends_at + TICKET_GRACE_PERIOD).isoformat(),
        },
        "types": [{"id": one.id, "name": one.name} for one in types],
        "lists": [
            {
                "id": one.id,
                "name": one.name,
                "types": one.ticket_type_ids,
                "allowsReentry": one.allows_reentry,
                "used": _join(used.get(one.id, ())),
            }
            for one in list_queries.list_or_create(connection, event.id, at=at)
        ],
        "refused": _join(refused),
        "tickets": _columns(tickets, [one.id for one in types], with_names=with_names),
    }


def _columns(
    tickets: Sequence[PackedTicket], type_ids: Sequence[int], *, with_names: bool
) -> dict[str, object]:
    """Return the tickets by column: `types` are indices into the pack's list of types."""
    index = {type_id: number for number, type_id in enumerate(type_ids)}
    columns: dict[str, object] = {
        "ids": _join(one.token_id for one in tickets),
        "types": [index[one.ticket_type_id] for one in tickets],
    }
    if with_names:
        columns |= {
            "names": [one.full_name for one in tickets],
            "seats": [one.seat for one in tickets],
        }
    return columns


def _join(token_ids: Iterable[bytes]) -> str:
    return _encode(b"".join(token_ids))


def _encode(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode("ascii")
