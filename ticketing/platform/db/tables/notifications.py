"""Tables of notifications: deliveries, their attempts, circuit breakers of channels, opt-outs.

A message of the outbox has one delivery per channel. An attempt is stored before the provider is
called.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    false,
    func,
    text,
)

from ticketing.platform.db.columns import (
    foreign_key_column,
    holder_column,
    id_column,
    metadata,
    text_column,
    timestamp_column,
)

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
    # with `copy_count` the Message-ID of every attempt at one copy
    Column("uid", Uuid, nullable=False, unique=True, server_default=func.gen_random_uuid()),
    foreign_key_column("outbox_id", "outbox.id"),
    Column("event_id", BigInteger, nullable=True),  # the message's
    text_column("channel"),
    text_column("address"),  # in the channel's format; empty: the recipient has none
    # part of a mass sending: sent after all other deliveries
    Column("is_bulk", Boolean, nullable=False, server_default=false()),
    text_column("state", "queued"),
    _counter_column("attempt_count"),  # attempts started; the number of the newest
    _counter_column("failure_count"),  # failures that delay this delivery
    _counter_column("resend_count"),  # repetitions after an unknown outcome
    _counter_column("copy_count"),  # repetitions requested by staff after a success
    timestamp_column("queued_at"),
    timestamp_column("next_attempt_at", nullable=True),
    timestamp_column("claimed_until", nullable=True),
    holder_column("claimed_by"),
    timestamp_column("completed_at", nullable=True),  # sent or failed
    timestamp_column("acknowledge_by", nullable=True),  # accepted; then the next channel is tried
    timestamp_column("cancelled_at", nullable=True),  # by staff, or overtaken
    text_column("provider_id", ""),
    text_column("last_error", ""),
    UniqueConstraint("outbox_id", "channel"),
    CheckConstraint(_VALID_CHANNELS, name="channel"),
    CheckConstraint(_VALID_STATES, name="state"),
    CheckConstraint("(state = 'claimed') = (claimed_until IS NOT NULL)", name="claimed_until"),
    CheckConstraint(
        "next_attempt_at IS NOT NULL OR state NOT IN ('queued', 'error')", name="next_attempt_at"
    ),
    # the next deliveries of a channel
    Index(
        "ix_deliveries_due",
        "channel",
        "is_bulk",
        "next_attempt_at",
        "id",
        postgresql_where=text("next_attempt_at IS NOT NULL"),
    ),
    Index(
        "ix_deliveries_acknowledge_by",
        "acknowledge_by",
        postgresql_where=text("acknowledge_by IS NOT NULL"),
    ),
    Index("ix_deliveries_claimed", "claimed_until", postgresql_where=text("state = 'claimed'")),
    Index("ix_deliveries_event_id_id", "event_id", "id"),
)

delivery_attempts = Table(
    "delivery_attempts",
    metadata,
    id_column(),
    foreign_key_column("delivery_id", "deliveries.id"),
    Column("number", Integer, nullable=False),
    text_column("channel"),  # the delivery's; the rate limit of a channel counts these rows
    text_column("reference"),
    timestamp_column("started_at"),
    timestamp_column("completed_at", nullable=True),
    text_column("state", "claimed"),
    text_column("code", ""),  # the provider's error code
    text_column("reason", ""),
    text_column("failure_scope", ""),  # what has to wait: the message, the address, the channel
    text_column("provider_id", ""),
    text_column("alias", ""),  # another id of the provider, the only one in some receipts
    UniqueConstraint("delivery_id", "number"),
    CheckConstraint(_VALID_STATES, name="state"),
    # delivery receipts
    Index(
        "ix_delivery_attempts_provider_id",
        "provider_id",
        postgresql_where=text("provider_id <> ''"),
    ),
    Index("ix_delivery_attempts_alias", "alias", postgresql_where=text("alias <> ''")),
    # the rate limit and the latest results of a channel
    Index("ix_delivery_attempts_channel_started_at", "channel", "started_at"),
)

channel_circuit_breakers = Table(
    "channel_circuit_breakers",
    metadata,
    Column("channel", Text, primary_key=True),
    timestamp_column("paused_until"),
    text_column("reason"),
    timestamp_column("stopped_at", nullable=True),  # paused until staff resume it
    timestamp_column("resumed_at", nullable=True),
    # refused by the provider since then, and how it said so: reply, report or status
    timestamp_column("refused_at", nullable=True),
    text_column("refused_by", ""),
    # when an acknowledgement arrived; at most an hour old
    timestamp_column("acknowledged_at", nullable=True),
    CheckConstraint(_VALID_CHANNELS, name="channel"),
)

opt_outs = Table(
    "opt_outs",
    metadata,
    Column("address", Text, primary_key=True),  # in lower case
    timestamp_column("opted_out_at"),
    CheckConstraint("address = lower(address)", name="address"),
)
