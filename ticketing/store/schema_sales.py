"""The tables of sales, beside those of the box office. What a ticket type costs stands with it.

Amounts are whole rupiah. `pending` and `sold` of a ticket type are counted under its row's lock and
can be proven from the order lines at any time: `stock.drifted`.
"""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Interval,
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

payment_plans = Table(
    "payment_plans",
    metadata,
    _id(),
    _ref("event_id", "events.id"),
    _text("name"),
    Column("shares", ARRAY(Integer), nullable=False),  # hundredths of the total, part by part
    *(Column(name, Interval, nullable=False) for name in ("every", "last_before", "grace")),
    _text("overdue"),
    _text("tickets", "all"),
    _instant("withdrawn_at", nullable=True),
    UniqueConstraint("event_id", "name"),
    CheckConstraint("overdue IN ('keep', 'refund', 'ask')", name="overdue"),
    CheckConstraint("tickets IN ('all', 'first')", name="tickets"),
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
    Column("request_sha256", LargeBinary, nullable=True),  # of a request that may be sent again
    _ref("payment_plan_id", "payment_plans.id", nullable=True),  # none: paid at once
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
    _amount("returned"),  # places of a paid order that were given back
    UniqueConstraint("order_id", "ticket_type_id"),
    CheckConstraint("quantity > 0", name="quantity"),
    CheckConstraint("returned >= 0 AND returned <= quantity", name="returned"),
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
    _text("payment_type", ""),  # how it was paid, in the gateway's word: whether it can go back
    _text("page_token", ""),  # of the gateway's page; empty until there is one
    _text("page_url", ""),
    _instant("page_claimed_until", nullable=True),  # while somebody asks the gateway for a page
    _instant("page_closed_at", nullable=True),
    Column("part", BigInteger, nullable=True),  # of an order that is paid in several
    _instant("created_at"),
    _instant("updated_at"),
    UniqueConstraint("order_id", "number"),
    CheckConstraint("refunded >= 0", name="refunded"),
    Index(  # the other name under which a gateway may know it
        "ix_payment_attempts_transaction_id",
        "transaction_id",
        postgresql_where=text("transaction_id <> ''"),
    ),
    Index(  # pages to be closed with their order
        "ix_payment_attempts_open_page",
        "order_id",
        postgresql_where=text("page_token <> '' AND page_closed_at IS NULL"),
    ),
)

order_parts = Table(  # together an order's total: the trigger `order_parts_are_whole`
    "order_parts",
    metadata,
    _key("order_id", "orders.id"),
    Column("number", BigInteger, primary_key=True),
    _instant("due_at"),
    Column("amount", BigInteger, nullable=False),
    Column(  # whose money it has; none once that went, or pays for nothing
        "paid_attempt_id", BigInteger, ForeignKey("payment_attempts.id"), unique=True
    ),
    _instant("paid_at", nullable=True),
    CheckConstraint("amount > 0", name="amount"),
    CheckConstraint("paid_attempt_id IS NULL OR paid_at IS NOT NULL", name="paid"),
    Index(  # whom to remind
        "ix_order_parts_due_at", "due_at", postgresql_where=text("paid_at IS NULL")
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
    _instant("returned_at", nullable=True),
)

refund_rules = Table(
    "refund_rules",
    metadata,
    _key("event_id", "events.id"),
    _amount("fee_percent"),  # of what a place cost, kept
    _amount("fee_each"),  # rupiah a place, kept
    CheckConstraint("fee_percent BETWEEN 0 AND 100 AND fee_each >= 0", name="fees"),
)

plans = Table(
    "plans",
    metadata,
    Column("hash", Text, primary_key=True),
    _ref("event_id", "events.id"),
    _ref("order_id", "orders.id", nullable=True),  # none: the whole event
    Column("asked", JSONB, nullable=False),
    _text("made_by"),
    _instant("made_at"),
)

refunds = Table(
    "refunds",
    metadata,
    _id(),
    _ref("order_id", "orders.id"),
    _ref("attempt_id", "payment_attempts.id"),
    Column("number", BigInteger, nullable=False),
    _text("key"),  # under which the gateway knows it; it moves money once a key
    Column("amount", BigInteger, nullable=False),
    _text("channel"),  # gateway | manual | elsewhere
    _text("state", "requested"),
    _text("reason", ""),
    _text("reference", ""),  # of the transfer a person made
    _text("said", ""),  # why it failed or waits
    # what had gone back otherwise when this was decided; more of it later, and a person looks
    _amount("elsewhere"),
    _text("requested_by"),
    _instant("requested_at"),
    _instant("claimed_until", nullable=True),
    _amount("tries"),
    _instant("ended_at", nullable=True),
    UniqueConstraint("order_id", "number"),
    UniqueConstraint("attempt_id", "key"),
    CheckConstraint("amount > 0", name="amount"),
    CheckConstraint("channel IN ('gateway', 'manual', 'elsewhere')", name="channel"),
    CheckConstraint(
        "state IN ('requested', 'sent', 'done', 'manual', 'failed', 'dropped')", name="state"
    ),
    CheckConstraint("(state IN ('done', 'dropped')) = (ended_at IS NOT NULL)", name="ended"),
    Index("ix_refunds_owed", "id", postgresql_where=text("ended_at IS NULL")),
)

event_cancellations = Table(
    "event_cancellations",
    metadata,
    _key("event_id", "events.id"),
    _text("plan_hash"),
    _text("reason"),
    _amount("fee_percent"),
    _amount("fee_each"),
    _text("began_by"),
    _instant("began_at"),
    _instant("ended_at", nullable=True),
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
    _instant("taken_at", nullable=True),  # when it became deliveries
    UniqueConstraint("purpose", "subject", "recipient", "revision"),
    Index("ix_outbox_waiting", "id", postgresql_where=text("taken_at IS NULL")),
)
