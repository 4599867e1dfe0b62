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

from ticketing.platform.db.columns import (
    _event,
    amount,
    identity,
    instant,
    reference,
    words,
    written_at,
)
from ticketing.platform.db.tables.metadata import metadata

ticket_types = Table(
    "ticket_types",
    metadata,
    identity(),
    _event(),
    words("name"),
    written_at("created_at"),
    UniqueConstraint("event_id", "name"),
    UniqueConstraint("event_id", "id"),  # an entitlement's type is one of its event's
)


def _key(name: str, target: str) -> Column[int]:
    return Column(name, BigInteger, ForeignKey(target), primary_key=True)


def _most(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=True)  # none: no limit


for _column in (
    Column("on_sale", Boolean, nullable=False, server_default=false()),  # a roster's types are not
    amount("price"),
    _most("capacity"),
    _most("max_per_order"),
    _most("max_per_buyer"),
    amount("pending"),
    amount("sold"),
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
    identity(),
    reference("event_id", "events.id"),
    words("code"),
    words("kind"),  # percent | fixed
    Column("value", BigInteger, nullable=False),
    instant("valid_from"),
    instant("valid_until"),
    reference("ticket_type_id", "ticket_types.id", nullable=True),
    _most("max_uses"),
    amount("used"),
    UniqueConstraint("event_id", "code"),
    CheckConstraint("kind IN ('percent', 'fixed')", name="kind"),
    CheckConstraint("value > 0 AND (kind = 'fixed' OR value <= 100)", name="value"),
    CheckConstraint("used >= 0 AND used <= max_uses", name="used"),
)

payment_plans = Table(
    "payment_plans",
    metadata,
    identity(),
    reference("event_id", "events.id"),
    words("name"),
    Column("shares", ARRAY(Integer), nullable=False),  # hundredths of the total, part by part
    *(Column(name, Interval, nullable=False) for name in ("every", "last_before", "grace")),
    words("overdue"),
    words("tickets", "all"),
    instant("withdrawn_at", nullable=True),
    UniqueConstraint("event_id", "name"),
    CheckConstraint("overdue IN ('keep', 'refund', 'ask')", name="overdue"),
    CheckConstraint("tickets IN ('all', 'first')", name="tickets"),
)

orders = Table(
    "orders",
    metadata,
    identity(),
    reference("event_id", "events.id"),
    Column("code", Text, nullable=False, unique=True),
    Column("token_hash", LargeBinary, nullable=False, unique=True),  # never the token itself
    words("state", "pending"),
    amount("subtotal"),
    amount("discount"),
    amount("total"),
    amount("refunded"),
    words("buyer_key", ""),  # email:<address>, else tel:<E.164>; empty until the buyer is known
    words("buyer_name", ""),
    words("buyer_email", ""),
    words("buyer_phone", ""),
    Column("paid_attempt_id", BigInteger, nullable=True),
    instant("created_at"),
    instant("expires_at"),
    instant("paid_at", nullable=True),
    instant("closed_at", nullable=True),  # when cancelled or expired
    Column("request_sha256", LargeBinary, nullable=True),  # of a request that may be sent again
    reference("payment_plan_id", "payment_plans.id", nullable=True),  # none: paid at once
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
    identity(),
    reference("order_id", "orders.id"),
    reference("ticket_type_id", "ticket_types.id"),
    Column("quantity", BigInteger, nullable=False),
    Column("price", BigInteger, nullable=False),
    amount("returned"),  # places of a paid order that were given back
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
    reference("promo_id", "promos.id"),
    instant("released_at", nullable=True),
    Index("ix_promo_redemptions_promo_id", "promo_id"),  # proof of uses
)

payment_attempts = Table(
    "payment_attempts",
    metadata,
    identity(),
    reference("order_id", "orders.id"),
    Column("number", BigInteger, nullable=False),
    Column("key", Text, nullable=False, unique=True),  # the gateway's order id
    words("state", "created"),
    amount("amount"),
    amount("refunded"),
    words("transaction_id", ""),  # the gateway's own
    words("payment_type", ""),  # how it was paid, in the gateway's word: whether it can go back
    words("page_token", ""),  # of the gateway's page; empty until there is one
    words("page_url", ""),
    instant("page_claimed_until", nullable=True),  # while somebody asks the gateway for a page
    instant("page_closed_at", nullable=True),
    Column("part", BigInteger, nullable=True),  # of an order that is paid in several
    instant("created_at"),
    instant("updated_at"),
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
    instant("due_at"),
    Column("amount", BigInteger, nullable=False),
    Column(  # whose money it has; none once that went, or pays for nothing
        "paid_attempt_id", BigInteger, ForeignKey("payment_attempts.id"), unique=True
    ),
    instant("paid_at", nullable=True),
    CheckConstraint("amount > 0", name="amount"),
    CheckConstraint("paid_attempt_id IS NULL OR paid_at IS NOT NULL", name="paid"),
    Index(  # whom to remind
        "ix_order_parts_due_at", "due_at", postgresql_where=text("paid_at IS NULL")
    ),
)

inbox = Table(
    "inbox",
    metadata,
    identity(),
    words("source"),  # midtrans, whatsapp:cloud, whatsapp:waha, whatsapp:fonnte
    words("unique_key"),  # a digest of what tells one notice from another
    words("subject"),  # the payment attempt it speaks of, as the sender names it; else the sender
    Column("body", LargeBinary, nullable=False),  # as received, to the byte
    instant("received_at"),
    instant("claimed_until", nullable=True),
    amount("tries"),
    instant("handled_at", nullable=True),
    words("outcome", ""),  # applied | unchanged | quarantined
    words("reason", ""),
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
    instant("at"),
)

order_flags = Table(
    "order_flags",
    metadata,
    _key("order_id", "orders.id"),
    Column("flag", Text, primary_key=True),  # why a person has to look
    words("message"),
    instant("raised_at"),
    instant("resolved_at", nullable=True),
    Index("ix_order_flags_open", "raised_at", postgresql_where=text("resolved_at IS NULL")),
)

order_places = Table(
    "order_places",
    metadata,
    _key("order_line_id", "order_lines.id"),
    Column("number", BigInteger, primary_key=True),
    Column("attendee_id", BigInteger, ForeignKey("attendees.id"), nullable=False, unique=True),
    instant("returned_at", nullable=True),
)

refund_rules = Table(
    "refund_rules",
    metadata,
    _key("event_id", "events.id"),
    amount("fee_percent"),  # of what a place cost, kept
    amount("fee_each"),  # rupiah a place, kept
    CheckConstraint("fee_percent BETWEEN 0 AND 100 AND fee_each >= 0", name="fees"),
)

plans = Table(
    "plans",
    metadata,
    Column("hash", Text, primary_key=True),
    reference("event_id", "events.id"),
    reference("order_id", "orders.id", nullable=True),  # none: the whole event
    Column("asked", JSONB, nullable=False),
    words("made_by"),
    instant("made_at"),
)

refunds = Table(
    "refunds",
    metadata,
    identity(),
    reference("order_id", "orders.id"),
    reference("attempt_id", "payment_attempts.id"),
    Column("number", BigInteger, nullable=False),
    words("key"),  # under which the gateway knows it; it moves money once a key
    Column("amount", BigInteger, nullable=False),
    words("channel"),  # gateway | manual | elsewhere
    words("state", "requested"),
    words("reason", ""),
    words("reference", ""),  # of the transfer a person made
    words("said", ""),  # why it failed or waits
    # what had gone back otherwise when this was decided; more of it later, and a person looks
    amount("elsewhere"),
    words("requested_by"),
    instant("requested_at"),
    instant("claimed_until", nullable=True),
    amount("tries"),
    instant("ended_at", nullable=True),
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
    words("plan_hash"),
    words("reason"),
    amount("fee_percent"),
    amount("fee_each"),
    words("began_by"),
    instant("began_at"),
    instant("ended_at", nullable=True),
)

outbox = Table(
    "outbox",
    metadata,
    identity(),
    reference("event_id", "events.id", nullable=True),
    words("purpose"),
    words("subject"),  # what it is about: the order's code
    words("recipient"),
    Column("revision", BigInteger, nullable=False, server_default="1"),
    Column("payload", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    instant("taken_at", nullable=True),  # when it became deliveries
    UniqueConstraint("purpose", "subject", "recipient", "revision"),
    Index("ix_outbox_waiting", "id", postgresql_where=text("taken_at IS NULL")),
)
