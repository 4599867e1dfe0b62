"""Opt-outs from campaigns, recorded or taken back by staff; messages about own orders go on."""

from datetime import datetime

from sqlalchemy import Connection

from ticketing.notifications.campaigns import queries
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.email_address import normalise_email
from ticketing.platform.kernel.errors import Refused
from ticketing.platform.kernel.phone import normalise_with_library

_NUMBERS_OF = "ID"  # a number without a country code, as staff write it


def parse_address(text: str) -> str:
    """Return an e-mail address or a number as messages are addressed; raise Refused for others.

    An opt-out in another form would exclude nobody.
    """
    given = text.strip()
    try:
        if "@" in given:
            return normalise_email(given)
        return normalise_with_library(given, _NUMBERS_OF)
    except ValueError as error:
        raise Refused(f"ADDRESS {text!r}: {error}; write name@example.org or +62…") from error


def opt_out_address(database: Database, address: str, *, at: datetime, by: str) -> bool:
    """Store an opt-out from campaigns; return False if it is stored already."""
    with database.transaction() as connection:
        is_new = queries.insert_opt_out(connection, parse_address(address), at=at)
        if is_new:
            _record(connection, "messages.opt_out", by=by)
    return is_new


def undo_opt_out(database: Database, address: str, *, by: str) -> bool:
    """Take an opt-out back; return False if there is none."""
    with database.transaction() as connection:
        is_undone = queries.delete_opt_out(connection, parse_address(address))
        if is_undone:
            _record(connection, "messages.opt_out_undone", by=by)
    return is_undone


def _record(connection: Connection, action: str, *, by: str) -> None:
    # without the address: the audit log is append-only
    audit_log.record(connection, actor=by, action=action, subject="an address")
