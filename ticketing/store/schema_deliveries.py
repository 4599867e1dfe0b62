"""Messages on their way: one row for each channel that a message of the outbox is tried by.

Every attempt leaves a row in `delivery_logs`, made before the vendor is called.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from ticketing.store.columns import identity, instant, words
from ticketing.store.schema import metadata
from ticketing.store.schema_sales import outbox

_CHANNELS = "channel IN ('whatsapp', 'mail', 'link')"
_STATES = (
    "state IN ('queued', 'claimed', 'error', 'unknown', 'sent', 'failed', 'delivered', 'read')"
)


def _count(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False, server_default="0")


deliveries = Table(
    "deliveries",
    metadata,
    identity(),
    # with `copies` the vendor's name of it: the Message-ID of every attempt at one copy
    Column("uid", Uuid, nullable=False, unique=True, server_default=text("gen_random_uuid()")),
    Column("outbox_id", BigInteger, ForeignKey(outbox.c.id), nullable=False),
    Column("event_id", BigInteger, nullable=True),  # the message's
    words("channel"),
    words("address"),  # to whom, as the channel writes it; empty: nobody can be reached by it
    words("state", "queued"),
    _count("tries"),  # attempts begun; the newest one's number
    _count("failures"),  # for which the message itself is waited with
    _count("resends"),  # although it was perhaps sent
    _count("copies"),  # a person wanted another although it had been sent
    instant("queued_at"),
    instant("next_try", nullable=True),
    instant("claimed_at", nullable=True),
    instant("ended_at", nullable=True),  # sent or failed
    words("provider_id", ""),
    words("last_error", ""),
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
    identity(),
    Column("delivery_id", BigInteger, ForeignKey(deliveries.c.id), nullable=False),
    Column("number", Integer, nullable=False),
    words("reference"),
    instant("began_at"),
    instant("ended_at", nullable=True),
    words("state", "claimed"),
    words("code", ""),  # the vendor's
    words("reason", ""),
    words("provider_id", ""),
    UniqueConstraint("delivery_id", "number"),
    CheckConstraint(_STATES, name="state"),
)

delivery_rests = Table(
    "delivery_rests",
    metadata,
    Column("channel", Text, primary_key=True),
    instant("until"),
    words("reason"),
    CheckConstraint(_CHANNELS, name="channel"),
)

opt_outs = Table(
    "opt_outs",
    metadata,
    Column("address", Text, primary_key=True),  # in small letters
    instant("since"),
    CheckConstraint("address = lower(address)", name="address"),
)
