"""What failed by one channel goes by the next, as docs/decisions/0012-channels.md has it."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection

from ticketing.domain.deliveries import Channel, beginning_with, next_channel
from ticketing.store import contacts, outbox_taking
from ticketing.store.contacts import Waiting
from ticketing.store.outbox import GUEST_TICKET, ORGANISER
from ticketing.store.outbox_taking import New

NOBODY = "nothing is known that a message could be sent to: tell them yourself"


def first_delivery(message: Waiting, doors: Collection[Channel], organiser: str) -> New:
    """By the channel the message names, else by another; else a person has to hand on a link."""
    if message.recipient == ORGANISER:
        return _new(message, Channel.MAIL, organiser)
    # mails wait for a server; a number is of use only to who has WhatsApp
    channel, address = _next(message, doors, ())
    if channel is Channel.LINK:
        channel, address = _next(message, (Channel.MAIL,), ())
    if channel is Channel.LINK:
        return New(message.id, message.event_id, channel, message.recipient, failure=NOBODY)
    return _new(message, channel, address)


def pass_on(
    connection: Connection, delivery_id: int, doors: Collection[Channel], *, at: datetime
) -> None:
    """Let a message go by the next channel; without one, what failed is left to a person."""
    found = contacts.of_delivery(connection, delivery_id)
    if found is None:
        return
    message, tried = found
    channel, address = _next(message, doors, tried)
    if channel is not Channel.LINK:
        outbox_taking.add(connection, [_new(message, channel, address)], at=at)


def _next(
    message: Waiting, doors: Collection[Channel], tried: Collection[Channel]
) -> tuple[Channel, str]:
    addresses = message.addresses
    reachable_by = [each for each in addresses if each in doors]
    order = beginning_with(contacts.channel_of(message.recipient))
    channel = next_channel(reachable_by, tried, order) or Channel.LINK
    return channel, addresses.get(channel, "")


def _new(message: Waiting, channel: Channel, address: str) -> New:
    return New(
        message.id, message.event_id, channel, address, is_bulk=message.purpose == GUEST_TICKET
    )
