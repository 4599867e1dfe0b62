"""Messages on their way: one row for each channel that a message of the outbox is tried by.

Every attempt leaves a row in `delivery_logs`, made before the vendor is called.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from ticketing.store.schema import metadata
from ticketing.store.schema_sales import outbox

_CHANNELS = "channel IN ('whatsapp', 'mail', 'link')"
_STATES = (
    "state IN ('queued', 'claimed', 'error', 'unknown', 'sent', 'failed', 'delivered', 'read')"
)


def _id() -> Column[int]:
    return Column("id", BigInteger, Identity(always=True), primary_key=True)


def _text(name: str, default: str | None = None) -> Column[str]:
    return Column(name, Text, nullable=False, server_default=default)


def _count(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False, server_default="0")


def _instant(name: str, *, nullable: bool = True) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=nullable)


deliveries = Table(
    "deliveries",
    metadata,
    _id(),
    # with `copies` the vendor's name of it: the Message-ID of every attempt at one copy
    Column("uid", Uuid, nullable=False, unique=True, server_default=text("gen_random_uuid()")),
    Column("outbox_id", BigInteger, ForeignKey(outbox.c.id), nullable=False),
    Column("event_id", BigInteger, nullable=True),  # the message's
    _text("channel"),
    _text("address"),  # to whom, as the channel writes it; empty: nobody can be reached by it
    _text("state", "queued"),
    _count("tries"),  # attempts begun; the newest one's number
    _count("failures"),  # for which the message itself is waited with
    _count("resends"),  # although it was perhaps sent
    _count("copies"),  # a person wanted another although it had been sent
    _instant("queued_at", nullable=False),
    _instant("next_try"),
    _instant("claimed_at"),
    _instant("ended_at"),  # sent or failed
    _text("provider_id", ""),
    _text("last_error", ""),
    UniqueConstraint("outbox_id", "channel"),
    CheckConstraint(_CHANNELS, name="channel"),
    CheckConstraint(_STATES, name="state"),
    CheckConstraint("(state = 'claimed') = (claimed_at IS NOT NULL)", name="claimed_at"),
    CheckConstraint("next_try IS NOT NULL OR state NOT IN ('queued', 'error')", name="next_try"),
    Index("ix_deliveries_due", "next_try", "id", postgresql_where=text("next_try IS NOT NULL")),
    Index("ix_deliveries_claimed", "claimed_at", postgresql_where=text("state = 'claimed'")),
    Index("ix_deliveries_event_id_id", "event_id", "id"),
)

delivery_logs = Table(
    "delivery_logs",
    metadata,
    _id(),
    Column("delivery_id", BigInteger, ForeignKey(deliveries.c.id), nullable=False),
    Column("number", Integer, nullable=False),
    _text("reference"),
    _instant("began_at", nullable=False),
    _instant("ended_at"),
    _text("state", "claimed"),
    _text("code", ""),  # the vendor's
    _text("reason", ""),
    _text("provider_id", ""),
    UniqueConstraint("delivery_id", "number"),
    CheckConstraint(_STATES, name="state"),
)

delivery_rests = Table(
    "delivery_rests",
    metadata,
    Column("channel", Text, primary_key=True),
    _instant("until", nullable=False),
    _text("reason"),
    CheckConstraint(_CHANNELS, name="channel"),
)

opt_outs = Table(
    "opt_outs",
    metadata,
    Column("address", Text, primary_key=True),  # in small letters
    _instant("since", nullable=False),
    CheckConstraint("address = lower(address)", name="address"),
)
