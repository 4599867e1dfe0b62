"""Tables of orders: lines, positions, guests, promo redemptions, flags, idempotency keys."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from ticketing.platform.db.columns import (
    bigint_column,
    event_id_column,
    foreign_key_column,
    id_column,
    jsonb_column,
    metadata,
    optional_bigint_column,
    primary_foreign_key_column,
    text_column,
    timestamp_column,
)

# The setting of the connection. One without it is not of this program: nothing that it inserts
# passes for real.
PAYMENT_ENVIRONMENT = text(
    "coalesce(nullif(current_setting('ticketing.payment_environment', true), ''), 'simulator')"
)

orders = Table(
    "orders",
    metadata,
    id_column(),
    event_id_column(),
    Column("code", Text, nullable=False, unique=True),
    Column("token_hash", LargeBinary, nullable=False, unique=True),  # the token is not stored
    text_column("state", "pending"),
    bigint_column("subtotal"),
    bigint_column("discount"),
    bigint_column("total"),
    # what its payments differ from the total, as accepted by staff; negative: too little
    bigint_column("accepted_difference"),
    bigint_column("refunded"),
    # email:<address>, else tel:<E.164>; empty until the buyer is known
    text_column("buyer_key", ""),
    text_column("buyer_name", ""),
    text_column("buyer_email", ""),
    text_column("buyer_phone", ""),
    optional_bigint_column("paid_attempt_id"),
    text_column("locale", ""),  # the language it was placed in; empty: that of the event
    # its places are sold by an operator; until the payment is recorded, the sale is unfinished
    Column("at_box_office", Boolean, nullable=False, server_default="false"),
    # the client's address, for IPv6 its /64; empty for orders of staff, and erased with the hold
    text_column("client_network", ""),
    timestamp_column("created_at"),
    timestamp_column("expires_at"),
    timestamp_column("paid_at", nullable=True),
    timestamp_column("closed_at", nullable=True),  # cancelled or expired
    Column("request_sha256", LargeBinary, nullable=True),  # detects a repeated request
    # NULL: paid in one amount
    foreign_key_column("payment_plan_id", "payment_plans.id", nullable=True),
    # of the program that inserted the order; see `payment_environment.py`
    Column("environment", Text, nullable=False, server_default=PAYMENT_ENVIRONMENT),
    CheckConstraint("state IN ('pending', 'paid', 'cancelled', 'expired')", name="state"),
    CheckConstraint("environment IN ('simulator', 'sandbox', 'production')", name="environment"),
    CheckConstraint("total = subtotal - discount AND total >= 0", name="total"),
    CheckConstraint("octet_length(token_hash) = 32", name="token_hash"),
    # orders to expire
    Index(
        "ix_orders_pending_expires_at",
        "expires_at",
        postgresql_where=text("state = 'pending'"),
    ),
    Index("ix_orders_expires_at", "expires_at"),  # payments that may still change
    Index("ix_orders_event_id_buyer_key", "event_id", "buyer_key"),  # limit per buyer and contact
    # limit per address
    Index(
        "ix_orders_client_network",
        "client_network",
        postgresql_where=text("client_network <> ''"),
    ),
    # orders of a phone number; the key of a buyer with both contacts is the e-mail address
    Index(
        "ix_orders_event_id_buyer_phone",
        "event_id",
        "buyer_phone",
        postgresql_where=text("buyer_phone <> ''"),
    ),
    # orders to clear before the event goes live
    Index(
        "ix_orders_rehearsal",
        "event_id",
        "id",
        postgresql_where=text("environment <> 'production'"),
    ),
)

order_lines = Table(
    "order_lines",
    metadata,
    id_column(),
    foreign_key_column("order_id", "orders.id"),
    foreign_key_column("ticket_type_id", "ticket_types.id"),
    Column("quantity", BigInteger, nullable=False),
    Column("price", BigInteger, nullable=False),
    bigint_column("returned"),  # positions of a paid order that were refunded
    UniqueConstraint("order_id", "ticket_type_id"),
    CheckConstraint("quantity > 0", name="quantity"),
    CheckConstraint("returned >= 0 AND returned <= quantity", name="returned"),
    CheckConstraint("price >= 0", name="price"),
    Index("ix_order_lines_ticket_type_id", "ticket_type_id"),  # recount of the stock
)

order_positions = Table(
    "order_positions",
    metadata,
    primary_foreign_key_column("order_line_id", "order_lines.id"),
    Column("number", BigInteger, primary_key=True),
    Column(
        "entitlement_id", BigInteger, ForeignKey("entitlements.id"), nullable=False, unique=True
    ),
    timestamp_column("returned_at", nullable=True),
)

# as given by the buyer; once the places are granted, the names on the tickets are in `guests`
order_guests = Table(
    "order_guests",
    metadata,
    primary_foreign_key_column("order_line_id", "order_lines.id"),
    Column("number", BigInteger, primary_key=True),
    text_column("full_name"),
    text_column("email", ""),
    jsonb_column("answers"),
    CheckConstraint("number > 0", name="number"),
    CheckConstraint("full_name <> ''", name="full_name"),
)

promo_redemptions = Table(
    "promo_redemptions",
    metadata,
    primary_foreign_key_column("order_id", "orders.id"),
    foreign_key_column("promo_id", "promos.id"),
    timestamp_column("released_at", nullable=True),
    Index("ix_promo_redemptions_promo_id", "promo_id"),  # recount of the uses
)

order_review_flags = Table(
    "order_review_flags",
    metadata,
    primary_foreign_key_column("order_id", "orders.id"),
    Column("flag", Text, primary_key=True),  # the question for staff
    # the payment that the question is about; NULL: about the order, or unknown
    foreign_key_column("attempt_id", "payment_attempts.id", nullable=True),
    text_column("message"),
    timestamp_column("raised_at"),
    timestamp_column("resolved_at", nullable=True),
    Index("ix_order_review_flags_open", "raised_at", postgresql_where=text("resolved_at IS NULL")),
)

# one row for each step of an order that must happen once, for example sending a message
order_idempotency_keys = Table(
    "order_idempotency_keys",
    metadata,
    primary_foreign_key_column("order_id", "orders.id"),
    Column("key", Text, primary_key=True),
    timestamp_column("created_at"),
)

# requests of buyers to correct a contact; the code that confirms one is derived and not stored
contact_corrections = Table(
    "contact_corrections",
    metadata,
    id_column(),
    foreign_key_column("order_id", "orders.id"),
    text_column("contact"),  # the new one: an e-mail address, or a number in E.164 form
    timestamp_column("requested_at"),
    timestamp_column("expires_at"),
    Column("failed_count", Integer, nullable=False, server_default="0"),  # wrong codes
    timestamp_column("completed_at", nullable=True),
    Index("ix_contact_corrections_order_id", "order_id", "id"),
    Index("ix_contact_corrections_contact", "contact", "requested_at"),  # limit per contact
)

# requests to send the orders of a contact again, for the limit per contact; kept for a day
order_link_requests = Table(
    "order_link_requests",
    metadata,
    id_column(),
    Column("contact_sha256", LargeBinary, nullable=False),
    timestamp_column("requested_at"),
    Index("ix_order_link_requests_contact_sha256", "contact_sha256", "requested_at"),
    Index("ix_order_link_requests_requested_at", "requested_at"),  # rows to delete
)
