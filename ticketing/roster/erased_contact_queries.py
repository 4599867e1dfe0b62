"""Queries of the keyed hashes of erased contacts."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import Connection, delete, or_, select
from sqlalchemy.dialects.postgresql import insert

from ticketing.platform.db.tables.notifications import opt_outs
from ticketing.platform.db.tables.people import erased_contacts


def insert_hashes(connection: Connection, erasure_id: int, hashes: Mapping[bytes, bool]) -> None:
    """Store the hashes of an erasure, each with whether its contact said STOP.

    A STOP of an earlier erasure stays one.
    """
    if not hashes:
        return
    rows = [
        {"contact_hash": each, "opted_out": stop, "erasure_id": erasure_id}
        for each, stop in hashes.items()
    ]
    statement = insert(erased_contacts).values(rows)
    said_stop = or_(erased_contacts.c.opted_out, statement.excluded.opted_out)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=[erased_contacts.c.contact_hash],
            set_={"opted_out": said_stop, "erasure_id": erasure_id},
        )
    )


def list_hashes(connection: Connection) -> dict[bytes, bool]:
    """Return all hashes, each with whether its contact said STOP."""
    query = select(erased_contacts.c.contact_hash, erased_contacts.c.opted_out)
    return {bytes(each): stop for each, stop in connection.execute(query)}


def delete_hashes(connection: Connection, hashes: Iterable[bytes]) -> int:
    """Forget the erasures of these contacts, with the other contacts and ids of the same people.

    Returns the number of contacts and ids.
    """
    named = select(erased_contacts.c.erasure_id).where(erased_contacts.c.contact_hash.in_(hashes))
    statement = delete(erased_contacts).where(erased_contacts.c.erasure_id.in_(named))
    return connection.execute(statement).rowcount


def restore_opt_outs(connection: Connection, contacts: Iterable[str], *, at: datetime) -> None:
    """Let contacts that come back keep what they said before they were erased: STOP."""
    rows = [{"address": each, "opted_out_at": at} for each in sorted(contacts)]
    if rows:
        connection.execute(insert(opt_outs).values(rows).on_conflict_do_nothing())
