"""Keeping what the gateway tells us, at once and once. What it means is found out by settling."""

import hashlib
import json
from datetime import datetime

from ticketing.domain.errors import SignatureMismatch
from ticketing.gateways.midtrans_notifications import read_notification, signature_matches
from ticketing.store import inbox
from ticketing.store.database import Database

SOURCE = "midtrans"


def keep_notice(database: Database, body: bytes, *, server_key: str, at: datetime) -> bool:
    """Keep a notice as it came; False when the same is known.

    Refuses what is no notice, and what whoever knows the server key did not sign.
    """
    notice = read_notification(body)
    if not signature_matches(notice, server_key):
        raise SignatureMismatch("the signature is not the gateway's")
    with database.transaction() as connection:
        return inbox.keep(
            connection,
            source=SOURCE,
            unique_key=_unique_key(body),
            subject=notice.order_id,
            body=body,
            at=at,
        )


def _unique_key(body: bytes) -> str:
    """All that it says, since the signature leaves the status open.

    Were it a part, a false notice could be sent first and hide the true one that comes after it.
    """
    said = json.dumps(json.loads(body), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(said.encode()).hexdigest()
