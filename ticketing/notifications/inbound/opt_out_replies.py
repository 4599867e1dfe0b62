"""Replies with a word that means stop: the number gets no campaigns any more."""

from datetime import datetime

from sqlalchemy import Connection

from ticketing.notifications import delivery_queries
from ticketing.notifications.campaigns import queries as campaign_queries
from ticketing.notifications.delivery import Channel, is_opt_out_request
from ticketing.notifications.whatsapp.webhook_items import InboundMessage
from ticketing.platform.db import audit_log

NO_NUMBER = "STOP from a sender whose number is not known"


def apply_inbound_message(
    connection: Connection, message: InboundMessage, *, at: datetime
) -> bool | None:
    """Return whether the message excluded a number; None if staff have to find out whose.

    A number that WhatsApp hides is known if the message quotes one of ours.
    """
    if not is_opt_out_request(message.text):
        return False
    number = message.sender or _answered_number(connection, message)
    if not number:
        return None
    if not campaign_queries.insert_opt_out(connection, number, at=at):
        return False
    # without the address: the audit log is append-only
    audit_log.record(connection, actor="whatsapp", action="messages.opt_out", subject="a number")
    return True


def _answered_number(connection: Connection, message: InboundMessage) -> str:
    """Return the number to which the quoted message went; in a group anybody may quote it."""
    if not (message.is_private and message.answered_id):
        return ""
    attempt = delivery_queries.find_attempt(connection, names=(message.answered_id,))
    is_chat = attempt is not None and attempt.channel is Channel.WHATSAPP
    return attempt.address if attempt and is_chat else ""
