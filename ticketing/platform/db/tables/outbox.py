"""The outbox: messages to send, written in the transaction that causes them."""

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Index,
    Table,
    Text,
    UniqueConstraint,
    literal,
    text,
)

from ticketing.platform.db.columns import (
    created_at_column,
    event_id_column,
    id_column,
    jsonb_column,
    metadata,
    text_column,
    timestamp_column,
)

outbox = Table(
    "outbox",
    metadata,
    id_column(),
    event_id_column(nullable=True),
    text_column("purpose"),
    text_column("subject"),  # for example an order code
    text_column("recipient"),
    Column("revision", BigInteger, nullable=False, server_default="1"),
    jsonb_column("payload"),
    created_at_column("created_at"),
    timestamp_column("processed_at", nullable=True),  # the deliveries were created
    UniqueConstraint("purpose", "subject", "recipient", "revision"),
    Index("ix_outbox_pending", "id", postgresql_where=text("processed_at IS NULL")),
)

# the order that a message is about, not sent as a parameter, so that its index always matches
message_order_code: ColumnElement[str] = outbox.c.payload.op("->>", return_type=Text())(
    literal("order", literal_execute=True)
)
Index("ix_outbox_order_code", message_order_code, postgresql_where=message_order_code.is_not(None))
