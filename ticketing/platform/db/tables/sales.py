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
    bigint_column,
    created_at_column,
    event_id_column,
    foreign_key_column,
    holder_column,
    id_column,
    text_column,
    timestamp_column,
)
from ticketing.platform.db.tables.metadata import metadata

ticket_types = Table(
    "ticket_types",
    metadata,
    id_column(),
    event_id_column(),
    text_column("name"),
    created_at_column("created_at"),
    UniqueConstraint("event_id", "name"),
    UniqueConstraint("event_id", "id"),  # an entitlement's type is one of its event's
)


def _primary_foreign_key(name: str, target: str) -> Column[int]:
    return Column(name, BigInteger, ForeignKey(target), primary_key=True)


def _optional_limit_column(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=True)  # none: no limit


for _column in (
    Column("on_sale", Boolean, nullable=False, server_default=false()),  # a roster's types are not
    bigint_column("price"),
    _optional_limit_column("capacity"),
    _optional_limit_column("max_per_order"),
    _optional_limit_column("max_per_buyer"),
    bigint_column("pending"),
    bigint_column("sold"),
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
    id_column(),
    foreign_key_column("event_id", "events.id"),
    text_column("code"),
    text_column("kind"),  # percent | fixed
    Column("value", BigInteger, nullable=False),
    timestamp_column("valid_from"),
    timestamp_column("valid_until"),
    foreign_key_column("ticket_type_id", "ticket_types.id", nullable=True),
    _optional_limit_column("max_uses"),
    bigint_column("used"),
    UniqueConstraint("event_id", "code"),
    CheckConstraint("kind IN ('percent', 'fixed')", name="kind"),
    CheckConstraint("value > 0 AND (kind = 'fixed' OR value <= 100)", name="value"),
    CheckConstraint("used >= 0 AND used <= max_uses", name="used"),
)

payment_plans = Table(
    "payment_plans",
    metadata,
    id_column(),
    foreign_key_column("event_id", "events.id"),
    text_column("name"),
    Column("shares", ARRAY(Integer), nullable=False),  # hundredths of the total, part by part
    *(Column(name, Interval, nullable=False) for name in ("every", "last_before", "grace")),
    text_column("overdue"),
    text_column("tickets", "all"),
    timestamp_column("withdrawn_at", nullable=True),
    UniqueConstraint("event_id", "name"),
    CheckConstraint("overdue IN ('keep', 'refund', 'ask')", name="overdue"),
    CheckConstraint("tickets IN ('all', 'first')", name="tickets"),
)

orders = Table(
    "orders",
    metadata,
    id_column(),
    foreign_key_column("event_id", "events.id"),
    Column("code", Text, nullable=False, unique=True),
    Column("token_hash", LargeBinary, nullable=False, unique=True),  # never the token itself
    text_column("state", "pending"),
    bigint_column("subtotal"),
    bigint_column("discount"),
    bigint_column("total"),
    bigint_column("refunded"),
    text_column(
        "buyer_key", ""
    ),  # email:<address>, else tel:<E.164>; empty until the buyer is known
    text_column("buyer_name", ""),
    text_column("buyer_email", ""),
    text_column("buyer_phone", ""),
    Column("paid_attempt_id", BigInteger, nullable=True),
    timestamp_column("created_at"),
    timestamp_column("expires_at"),
    timestamp_column("paid_at", nullable=True),
    timestamp_column("closed_at", nullable=True),  # when cancelled or expired
    Column("request_sha256", LargeBinary, nullable=True),  # of a request that may be sent again
    foreign_key_column("payment_plan_id", "payment_plans.id", nullable=True),  # none: paid at once
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
    id_column(),
    foreign_key_column("order_id", "orders.id"),
    foreign_key_column("ticket_type_id", "ticket_types.id"),
    Column("quantity", BigInteger, nullable=False),
    Column("price", BigInteger, nullable=False),
    bigint_column("returned"),  # places of a paid order that were given back
    UniqueConstraint("order_id", "ticket_type_id"),
    CheckConstraint("quantity > 0", name="quantity"),
    CheckConstraint("returned >= 0 AND returned <= quantity", name="returned"),
    CheckConstraint("price >= 0", name="price"),
    Index("ix_order_lines_ticket_type_id", "ticket_type_id"),  # proof of stock
)

promo_redemptions = Table(
    "promo_redemptions",
    metadata,
    _primary_foreign_key("order_id", "orders.id"),
    foreign_key_column("promo_id", "promos.id"),
    timestamp_column("released_at", nullable=True),
    Index("ix_promo_redemptions_promo_id", "promo_id"),  # proof of uses
)

payment_attempts = Table(
    "payment_attempts",
    metadata,
    id_column(),
    foreign_key_column("order_id", "orders.id"),
    Column("number", BigInteger, nullable=False),
    Column("key", Text, nullable=False, unique=True),  # the gateway's order id
    text_column("state", "created"),
    bigint_column("amount"),
    bigint_column("refunded"),
    text_column("transaction_id", ""),  # the gateway's own
    text_column(
        "payment_type", ""
    ),  # how it was paid, in the gateway's word: whether it can go back
    text_column("page_token", ""),  # of the gateway's page; empty until there is one
    text_column("page_url", ""),
    timestamp_column(
        "page_claimed_until", nullable=True
    ),  # while somebody asks the gateway for a page
    holder_column("page_claimed_by"),
    timestamp_column("page_closed_at", nullable=True),
    Column("part", BigInteger, nullable=True),  # of an order that is paid in several
    timestamp_column("created_at"),
    timestamp_column("updated_at"),
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
    _primary_foreign_key("order_id", "orders.id"),
    Column("number", BigInteger, primary_key=True),
    timestamp_column("due_at"),
    Column("amount", BigInteger, nullable=False),
    Column(  # whose money it has; none once that went, or pays for nothing
        "paid_attempt_id", BigInteger, ForeignKey("payment_attempts.id"), unique=True
    ),
    timestamp_column("paid_at", nullable=True),
    CheckConstraint("amount > 0", name="amount"),
    CheckConstraint("paid_attempt_id IS NULL OR paid_at IS NOT NULL", name="paid"),
    Index(  # whom to remind
        "ix_order_parts_due_at", "due_at", postgresql_where=text("paid_at IS NULL")
    ),
)

inbox = Table(
    "inbox",
    metadata,
    id_column(),
    text_column("source"),  # midtrans, whatsapp:cloud, whatsapp:waha, whatsapp:fonnte
    text_column("unique_key"),  # a digest of what tells one notice from another
    text_column(
        "subject"
    ),  # the payment attempt it speaks of, as the sender names it; else the sender
    Column("body", LargeBinary, nullable=False),  # as received, to the byte
    timestamp_column("received_at"),
    timestamp_column("claimed_until", nullable=True),
    holder_column("claimed_by"),
    bigint_column("tries"),
    timestamp_column("handled_at", nullable=True),
    text_column("outcome", ""),  # applied | unchanged | quarantined
    text_column("reason", ""),
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
    _primary_foreign_key("order_id", "orders.id"),
    Column("effect", Text, primary_key=True),
    timestamp_column("at"),
)

order_flags = Table(
    "order_flags",
    metadata,
    _primary_foreign_key("order_id", "orders.id"),
    Column("flag", Text, primary_key=True),  # why a person has to look
    text_column("message"),
    timestamp_column("raised_at"),
    timestamp_column("resolved_at", nullable=True),
    Index("ix_order_flags_open", "raised_at", postgresql_where=text("resolved_at IS NULL")),
)

order_places = Table(
    "order_places",
    metadata,
    _primary_foreign_key("order_line_id", "order_lines.id"),
    Column("number", BigInteger, primary_key=True),
    Column("attendee_id", BigInteger, ForeignKey("attendees.id"), nullable=False, unique=True),
    timestamp_column("returned_at", nullable=True),
)

refund_rules = Table(
    "refund_rules",
    metadata,
    _primary_foreign_key("event_id", "events.id"),
    bigint_column("fee_percent"),  # of what a place cost, kept
    bigint_column("fee_each"),  # rupiah a place, kept
    CheckConstraint("fee_percent BETWEEN 0 AND 100 AND fee_each >= 0", name="fees"),
)

plans = Table(
    "plans",
    metadata,
    Column("hash", Text, primary_key=True),
    foreign_key_column("event_id", "events.id"),
    foreign_key_column("order_id", "orders.id", nullable=True),  # none: the whole event
    Column("asked", JSONB, nullable=False),
    text_column("made_by"),
    timestamp_column("made_at"),
)

refunds = Table(
    "refunds",
    metadata,
    id_column(),
    foreign_key_column("order_id", "orders.id"),
    foreign_key_column("attempt_id", "payment_attempts.id"),
    Column("number", BigInteger, nullable=False),
    text_column("key"),  # under which the gateway knows it; it moves money once a key
    Column("amount", BigInteger, nullable=False),
    text_column("channel"),  # gateway | manual | elsewhere
    text_column("state", "requested"),
    text_column("reason", ""),
    text_column("reference", ""),  # of the transfer a person made
    text_column("said", ""),  # why it failed or waits
    # what had gone back otherwise when this was decided; more of it later, and a person looks
    bigint_column("elsewhere"),
    text_column("requested_by"),
    timestamp_column("requested_at"),
    timestamp_column("claimed_until", nullable=True),
    holder_column("claimed_by"),
    bigint_column("tries"),
    timestamp_column("ended_at", nullable=True),
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
    _primary_foreign_key("event_id", "events.id"),
    text_column("plan_hash"),
    text_column("reason"),
    bigint_column("fee_percent"),
    bigint_column("fee_each"),
    text_column("began_by"),
    timestamp_column("began_at"),
    timestamp_column("ended_at", nullable=True),
)

outbox = Table(
    "outbox",
    metadata,
    id_column(),
    foreign_key_column("event_id", "events.id", nullable=True),
    text_column("purpose"),
    text_column("subject"),  # what it is about: the order's code
    text_column("recipient"),
    Column("revision", BigInteger, nullable=False, server_default="1"),
    Column("payload", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    timestamp_column("taken_at", nullable=True),  # when it became deliveries
    UniqueConstraint("purpose", "subject", "recipient", "revision"),
    Index("ix_outbox_waiting", "id", postgresql_where=text("taken_at IS NULL")),
)
