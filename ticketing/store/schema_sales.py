"""The tables of sales, beside those of the box office. What a ticket type costs stands with it.

Amounts are whole rupiah. `pending` and `sold` of a ticket type are counted under its row's lock and
can be proven from the order lines at any time: `stock.drifted`.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    false,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from ticketing.store.schema import metadata, ticket_types


def _id() -> Column[int]:
    return Column("id", BigInteger, Identity(always=True), primary_key=True)


def _ref(name: str, target: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger, ForeignKey(target), nullable=nullable)


def _key(name: str, target: str) -> Column[int]:
    return Column(name, BigInteger, ForeignKey(target), primary_key=True)


def _instant(name: str, *, nullable: bool = False) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=nullable)


def _text(name: str, default: str | None = None, *, nullable: bool = False) -> Column[str]:
    return Column(name, Text, nullable=nullable, server_default=default)


def _amount(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False, server_default="0")


def _most(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=True)  # none: no limit


for _column in (
    Column("on_sale", Boolean, nullable=False, server_default=false()),  # a roster's types are not
    _amount("price"),
    _most("capacity"),
    _most("max_per_order"),
    _most("max_per_buyer"),
    _amount("pending"),
    _amount("sold"),
):
    ticket_types.append_column(_column)

ticket_types.append_constraint(
    CheckConstraint(
        "price >= 0 AND pending >= 0 AND sold >= 0 AND pending + sold <= capacity", name="stock"
    )
)

promos = Table(
    "promos",
    metadata,
    _id(),
    _ref("event_id", "events.id"),
    _text("code"),
    _text("kind"),  # percent | fixed
    Column("value", BigInteger, nullable=False),
    _instant("valid_from"),
    _instant("valid_until"),
    _ref("ticket_type_id", "ticket_types.id", nullable=True),
    _most("max_uses"),
    _amount("used"),
    UniqueConstraint("event_id", "code"),
    CheckConstraint("kind IN ('percent', 'fixed')", name="kind"),
    CheckConstraint("value > 0 AND (kind = 'fixed' OR value <= 100)", name="value"),
    CheckConstraint("used >= 0 AND used <= max_uses", name="used"),
)

orders = Table(
    "orders",
    metadata,
    _id(),
    _ref("event_id", "events.id"),
    Column("code", Text, nullable=False, unique=True),
    Column("token_hash", LargeBinary, nullable=False, unique=True),  # never the token itself
    _text("state", "pending"),
    _amount("subtotal"),
    _amount("discount"),
    _amount("total"),
    _amount("refunded"),
    _text("buyer_key", ""),  # email:<address>, else tel:<E.164>; empty until the buyer is known
    _text("buyer_name", ""),
    _text("buyer_email", ""),
    _text("buyer_phone", ""),
    Column("paid_attempt_id", BigInteger, nullable=True),
    _instant("created_at"),
    _instant("expires_at"),
    _instant("paid_at", nullable=True),
    _instant("closed_at", nullable=True),  # when cancelled or expired
    CheckConstraint("state IN ('pending', 'paid', 'cancelled', 'expired')", name="state"),
    CheckConstraint("total = subtotal - discount AND total >= 0", name="total"),
    CheckConstraint("octet_length(token_hash) = 32", name="token_hash"),
    Index(  # who has run out of time
        "ix_orders_pending_expires_at",
        "expires_at",
        postgresql_where=text("state = 'pending'"),
    ),
    Index("ix_orders_event_id_buyer_key", "event_id", "buyer_key"),  # limits of one buyer
)

order_lines = Table(
    "order_lines",
    metadata,
    _id(),
    _ref("order_id", "orders.id"),
    _ref("ticket_type_id", "ticket_types.id"),
    Column("quantity", BigInteger, nullable=False),
    Column("price", BigInteger, nullable=False),
    UniqueConstraint("order_id", "ticket_type_id"),
    CheckConstraint("quantity > 0", name="quantity"),
    CheckConstraint("price >= 0", name="price"),
    Index("ix_order_lines_ticket_type_id", "ticket_type_id"),  # proof of stock
)

promo_redemptions = Table(
    "promo_redemptions",
    metadata,
    _key("order_id", "orders.id"),
    _ref("promo_id", "promos.id"),
    _instant("released_at", nullable=True),
    Index("ix_promo_redemptions_promo_id", "promo_id"),  # proof of uses
)

payment_attempts = Table(
    "payment_attempts",
    metadata,
    _id(),
    _ref("order_id", "orders.id"),
    Column("number", BigInteger, nullable=False),
    Column("key", Text, nullable=False, unique=True),  # the gateway's order id
    _text("state", "created"),
    _amount("amount"),
    _amount("refunded"),
    _text("transaction_id", ""),  # the gateway's own
    _instant("created_at"),
    _instant("updated_at"),
    UniqueConstraint("order_id", "number"),
    CheckConstraint("refunded >= 0", name="refunded"),
    Index(  # the other name under which a gateway may know it
        "ix_payment_attempts_transaction_id",
        "transaction_id",
        postgresql_where=text("transaction_id <> ''"),
    ),
)

inbox = Table(
    "inbox",
    metadata,
    _id(),
    _text("source"),  # midtrans
    _text("unique_key"),  # a digest of what tells one notice from another
    _text("subject"),  # the payment attempt it speaks of, as the sender names it
    Column("body", LargeBinary, nullable=False),  # as received, to the byte
    _instant("received_at"),
    _instant("claimed_until", nullable=True),
    _amount("tries"),
    _instant("handled_at", nullable=True),
    _text("outcome", ""),  # applied | unchanged | quarantined
    _text("reason", ""),
    UniqueConstraint("source", "unique_key"),
    CheckConstraint("(handled_at IS NULL) = (outcome = '')", name="outcome"),
    Index("ix_inbox_waiting", "id", postgresql_where=text("handled_at IS NULL")),
    Index(  # what nobody could place
        "ix_inbox_quarantined", "id", postgresql_where=text("outcome = 'quarantined'")
    ),
)

order_effects = Table(
    "order_effects",
    metadata,
    _key("order_id", "orders.id"),
    Column("effect", Text, primary_key=True),
    _instant("at"),
)

order_flags = Table(
    "order_flags",
    metadata,
    _key("order_id", "orders.id"),
    Column("flag", Text, primary_key=True),  # why a person has to look
    _text("message"),
    _instant("raised_at"),
    _instant("resolved_at", nullable=True),
    Index("ix_order_flags_open", "raised_at", postgresql_where=text("resolved_at IS NULL")),
)

order_places = Table(
    "order_places",
    metadata,
    _key("order_line_id", "order_lines.id"),
    Column("number", BigInteger, primary_key=True),
    Column("attendee_id", BigInteger, ForeignKey("attendees.id"), nullable=False, unique=True),
)

outbox = Table(
    "outbox",
    metadata,
    _id(),
    _ref("event_id", "events.id", nullable=True),
    _text("purpose"),
    _text("subject"),  # what it is about: the order's code
    _text("recipient"),
    Column("revision", BigInteger, nullable=False, server_default="1"),
    Column("payload", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    _instant("sent_at", nullable=True),
    UniqueConstraint("purpose", "subject", "recipient", "revision"),
    Index("ix_outbox_waiting", "id", postgresql_where=text("sent_at IS NULL")),
)
