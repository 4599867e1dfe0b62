"""Tables of the catalogue: ticket types, promo codes and payment plans.

Amounts are whole rupiah. `pending` and `sold` of a ticket type change under a lock of its row and
equal the sums over the order lines; `stock_queries` recounts them.
"""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Integer,
    Interval,
    Table,
    UniqueConstraint,
    false,
)

from ticketing.platform.db.columns import (
    bigint_column,
    created_at_column,
    event_id_column,
    foreign_key_column,
    id_column,
    metadata,
    optional_bigint_column,
    text_column,
    timestamp_column,
)

ticket_types = Table(
    "ticket_types",
    metadata,
    id_column(),
    event_id_column(),
    text_column("name"),
    created_at_column("created_at"),
    # types that only a roster uses are not on sale
    Column("on_sale", Boolean, nullable=False, server_default=false()),
    bigint_column("price"),
    # NULL means unlimited
    optional_bigint_column("capacity"),
    optional_bigint_column("max_per_order"),
    optional_bigint_column("max_per_buyer"),
    bigint_column("pending"),
    bigint_column("sold"),
    UniqueConstraint("event_id", "name"),
    UniqueConstraint("event_id", "id"),  # target of the entitlements' foreign key
    CheckConstraint(
        "price >= 0 AND pending >= 0 AND sold >= 0 AND pending + sold <= capacity", name="stock"
    ),
)

promos = Table(
    "promos",
    metadata,
    id_column(),
    event_id_column(),
    text_column("code"),
    text_column("kind"),  # percent | fixed
    Column("value", BigInteger, nullable=False),  # percent, or rupiah
    timestamp_column("valid_from"),
    timestamp_column("valid_until"),
    foreign_key_column("ticket_type_id", "ticket_types.id", nullable=True),  # NULL: all types
    optional_bigint_column("max_uses"),  # NULL: unlimited
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
    event_id_column(),
    text_column("name"),
    Column("percentages", ARRAY(Integer), nullable=False),  # of the total, one per instalment
    Column("interval", Interval, nullable=False),  # between due dates
    Column("final_due_before", Interval, nullable=False),  # before the event starts
    Column("grace", Interval, nullable=False),  # after a due date
    text_column("overdue"),  # keep | refund | ask
    text_column("tickets", "all"),  # after which payment tickets are issued: all | first
    timestamp_column("withdrawn_at", nullable=True),
    UniqueConstraint("event_id", "name"),
    CheckConstraint("overdue IN ('keep', 'refund', 'ask')", name="overdue"),
    CheckConstraint("tickets IN ('all', 'first')", name="tickets"),
)
