"""Table of waiting lists: who waits for places of a ticket type that is sold out."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)

from ticketing.platform.db.columns import (
    bigint_column,
    event_id_column,
    foreign_key_column,
    id_column,
    metadata,
    text_column,
    timestamp_column,
)
from ticketing.platform.db.tables.orders import PAYMENT_ENVIRONMENT

waiting_list_entries = Table(
    "waiting_list_entries",
    metadata,
    id_column(),
    event_id_column(),
    foreign_key_column("ticket_type_id", "ticket_types.id"),
    # of the link in messages, with which the entry can only be seen and removed
    Column("token", Uuid, nullable=False, unique=True, server_default=func.gen_random_uuid()),
    Column("quantity", BigInteger, nullable=False),
    text_column("buyer_key"),  # as in `orders`
    text_column("buyer_name"),
    text_column("buyer_email"),
    text_column("buyer_phone"),
    timestamp_column("joined_at"),
    timestamp_column("confirmed_at", nullable=True),  # by the link: nothing is offered before
    timestamp_column("left_at", nullable=True),
    foreign_key_column("order_id", "orders.id", nullable=True),  # of the newest offer
    bigint_column("offer_count"),
    # the client's address, for IPv6 its /64; erased when the entry does not wait any more
    text_column("client_network", ""),
    # of the program that made the entry; see `payment_environment.py`
    Column("environment", Text, nullable=False, server_default=PAYMENT_ENVIRONMENT),
    UniqueConstraint("ticket_type_id", "buyer_key", "environment"),
    UniqueConstraint("order_id"),
    CheckConstraint("quantity > 0", name="quantity"),
    CheckConstraint("environment IN ('simulator', 'sandbox', 'production')", name="environment"),
    Index("ix_waiting_list_entries_event_id", "event_id"),
    # the next offers
    Index(
        "ix_waiting_list_entries_waiting",
        "ticket_type_id",
        "joined_at",
        "id",
        postgresql_where=text("order_id IS NULL AND left_at IS NULL"),
    ),
)
