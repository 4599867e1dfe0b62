"""Messages on their way: one row for each channel that a message of the outbox is tried by.

Every attempt leaves a row in `delivery_logs`, made before the vendor is called.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    false,
    text,
)

from ticketing.platform.db.columns import holder_column, id_column, text_column, timestamp_column
from ticketing.platform.db.tables.metadata import metadata
from ticketing.platform.db.tables.sales import outbox

_VALID_CHANNELS = "channel IN ('whatsapp', 'mail', 'link')"
_VALID_STATES = (
    "state IN ('queued', 'claimed', 'error', 'unknown', 'sent', 'failed', 'delivered', 'read')"
)


def _counter_column(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False, server_default="0")


deliveries = Table(
    "deliveries",
    metadata,
    id_column(),
    # with `copies` the vendor's name of it: the Message-ID of every attempt at one copy
    Column("uid", Uuid, nullable=False, unique=True, server_default=text("gen_random_uuid()")),
    Column("outbox_id", BigInteger, ForeignKey(outbox.c.id), nullable=False),
    Column("event_id", BigInteger, nullable=True),  # the message's
    text_column("channel"),
    text_column("address"),  # to whom, as the channel writes it; empty: nobody can be reached by it
    # one of many that nobody waits for: all others go first
    Column("is_bulk", Boolean, nullable=False, server_default=false()),
    text_column("state", "queued"),
    _counter_column("tries"),  # attempts begun; the newest one's number
    _counter_column("failures"),  # for which the message itself is waited with
    _counter_column("resends"),  # although it was perhaps sent
    _counter_column("copies"),  # a person wanted another although it had been sent
    timestamp_column("queued_at"),
    timestamp_column("next_try", nullable=True),
    timestamp_column("claimed_until", nullable=True),
    holder_column("claimed_by"),
    timestamp_column("ended_at", nullable=True),  # sent or failed
    timestamp_column("aborted_at", nullable=True),  # a person wants it sent no more
    text_column("provider_id", ""),
    text_column("last_error", ""),
    UniqueConstraint("outbox_id", "channel"),
    CheckConstraint(_VALID_CHANNELS, name="channel"),
    CheckConstraint(_VALID_STATES, name="state"),
    CheckConstraint("(state = 'claimed') = (claimed_until IS NOT NULL)", name="claimed_until"),
    CheckConstraint("next_try IS NOT NULL OR state NOT IN ('queued', 'error')", name="next_try"),
    Index(  # what is to be sent by a channel
        "ix_deliveries_due",
        "channel",
        "is_bulk",
        "next_try",
        "id",
        postgresql_where=text("next_try IS NOT NULL"),
    ),
    Index("ix_deliveries_claimed", "claimed_until", postgresql_where=text("state = 'claimed'")),
    Index("ix_deliveries_event_id_id", "event_id", "id"),
)

delivery_logs = Table(
    "delivery_logs",
    metadata,
    id_column(),
    Column("delivery_id", BigInteger, ForeignKey(deliveries.c.id), nullable=False),
    Column("number", Integer, nullable=False),
    text_column("channel"),  # the delivery's; a channel's pace is kept by these rows
    text_column("reference"),
    timestamp_column("began_at"),
    timestamp_column("ended_at", nullable=True),
    text_column("state", "claimed"),
    text_column("code", ""),  # the vendor's
    text_column("reason", ""),
    text_column("concerns", ""),  # whose fault it is, or what has to wait: domain/messages.py
    text_column("provider_id", ""),
    text_column("alias", ""),  # the vendor's other name, by which reports may come alone
    UniqueConstraint("delivery_id", "number"),
    CheckConstraint(_VALID_STATES, name="state"),
    # what a report speaks of
    Index(
        "ix_delivery_logs_provider_id", "provider_id", postgresql_where=text("provider_id <> ''")
    ),
    Index("ix_delivery_logs_alias", "alias", postgresql_where=text("alias <> ''")),
    # a channel's last day, and its last answers
    Index("ix_delivery_logs_channel_began_at", "channel", "began_at"),
)

delivery_rests = Table(
    "delivery_rests",
    metadata,
    Column("channel", Text, primary_key=True),
    timestamp_column("until"),
    text_column("reason"),
    timestamp_column("stopped_at", nullable=True),  # until a person lets it go on
    timestamp_column("resumed_at", nullable=True),
    CheckConstraint(_VALID_CHANNELS, name="channel"),
)

opt_outs = Table(
    "opt_outs",
    metadata,
    Column("address", Text, primary_key=True),  # in small letters
    timestamp_column("since"),
    CheckConstraint("address = lower(address)", name="address"),
)
