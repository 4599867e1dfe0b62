"""Tables of payments: attempts, the requests about them, and instalments."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from ticketing.platform.db.columns import (
    bigint_column,
    foreign_key_column,
    holder_column,
    id_column,
    metadata,
    optional_bigint_column,
    primary_foreign_key_column,
    text_column,
    timestamp_column,
)

payment_attempts = Table(
    "payment_attempts",
    metadata,
    id_column(),
    foreign_key_column("order_id", "orders.id"),
    Column("number", BigInteger, nullable=False),
    Column("key", Text, nullable=False, unique=True),  # order_id at the gateway
    text_column("state", "created"),
    bigint_column("amount"),  # requested of the buyer; once paid, what came
    optional_bigint_column("requested_amount"),  # if another amount came
    bigint_column("refunded"),
    text_column("transaction_id", ""),  # transaction_id at the gateway
    # payment_type at the gateway; it decides if the gateway can refund
    text_column("payment_type", ""),
    text_column("means", "gateway"),
    # the checkout session; empty until the gateway has created it
    text_column("checkout_token", ""),
    text_column("checkout_url", ""),
    # lease of the process that creates the session
    timestamp_column("checkout_claimed_until", nullable=True),
    holder_column("checkout_claimed_by"),
    timestamp_column("checkout_closed_at", nullable=True),
    optional_bigint_column("instalment_sequence"),  # NULL: the whole order
    timestamp_column("created_at"),
    timestamp_column("updated_at"),
    # virtual account or code that the buyer pays to, with its bank or shop
    text_column("payment_code", ""),
    UniqueConstraint("order_id", "number"),
    CheckConstraint("refunded >= 0", name="refunded"),
    CheckConstraint("means IN ('gateway', 'cash', 'transfer', 'complimentary')", name="means"),
    # notifications that name only the transaction
    Index(
        "ix_payment_attempts_transaction_id",
        "transaction_id",
        postgresql_where=text("transaction_id <> ''"),
    ),
    # payments that the gateway has started and will end
    Index(
        "ix_payment_attempts_in_progress",
        "id",
        postgresql_where=text("state IN ('pending', 'challenge', 'authorize', 'capture')"),
    ),
    # checkout sessions to close with their order
    Index(
        "ix_payment_attempts_open_checkout",
        "order_id",
        postgresql_where=text("checkout_token <> '' AND checkout_closed_at IS NULL"),
    ),
)

# requests to the gateway about an attempt, repeated ones too
gateway_calls = Table(
    "gateway_calls",
    metadata,
    primary_foreign_key_column("attempt_id", "payment_attempts.id"),
    Column("kind", Text, primary_key=True),  # create | status | cancel | refund
    bigint_column("calls"),
)

# the amounts add up to the order's total: trigger `order_instalments_equal_total`
order_instalments = Table(
    "order_instalments",
    metadata,
    primary_foreign_key_column("order_id", "orders.id"),
    Column("sequence", BigInteger, primary_key=True),
    timestamp_column("due_at"),
    Column("amount", BigInteger, nullable=False),
    # NULL: unpaid, or the money was returned
    Column("paid_attempt_id", BigInteger, ForeignKey("payment_attempts.id"), unique=True),
    timestamp_column("paid_at", nullable=True),
    CheckConstraint("amount > 0", name="amount"),
    CheckConstraint("paid_attempt_id IS NULL OR paid_at IS NOT NULL", name="paid"),
    # reminders
    Index("ix_order_instalments_due_at", "due_at", postgresql_where=text("paid_at IS NULL")),
)
