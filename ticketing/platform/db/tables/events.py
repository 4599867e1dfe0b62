"""Tables of events and their signing keys."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    Table,
    Text,
    Uuid,
    false,
    func,
    text,
)

from ticketing.platform.db.columns import (
    created_at_column,
    id_column,
    metadata,
    text_column,
    timestamp_column,
)

events = Table(
    "events",
    metadata,
    id_column(),
    Column("uid", Uuid, nullable=False, unique=True, server_default=func.gen_random_uuid()),
    Column("slug", Text, nullable=False, unique=True),
    text_column("name"),
    timestamp_column("starts_at"),
    timestamp_column("ends_at"),
    text_column("time_zone"),
    text_column("locale"),
    text_column("venue"),
    text_column("region"),
    text_column("template_id", "classic"),
    Column("guest_names_required", Boolean, nullable=False, server_default=text("false")),
    timestamp_column("guest_changes_until", nullable=True),  # NULL: the start of the event
    Column("transfer_renews_code", Boolean, nullable=False, server_default=text("false")),
    text_column("guest_questions", ""),  # asked for each place of an order, one per line
    Column("key_generation", Integer, nullable=False, server_default="1"),
    created_at_column("created_at"),
    created_at_column("updated_at"),
    # whether an unusable address or number rejects a row of a roster
    Column("strict_contacts", Boolean, nullable=False, server_default=false()),
    # of an order with a buyer, until it is paid
    Column("hold_minutes", Integer, nullable=False, server_default="60"),
    CheckConstraint("hold_minutes BETWEEN 5 AND 1440", name="hold_minutes"),
    text_column("buyer_notices", "mail"),
    CheckConstraint("buyer_notices IN ('mail', 'whatsapp', 'both', 'none')", name="buyer_notices"),
    text_column("late_payments", "accept"),
    text_column("payment_rule", "none"),  # of synced payment records; see `events/payment_rule.py`
    # that an offer to the waiting list holds its places
    Column("waiting_list_hours", Integer, nullable=False, server_default="24"),
    CheckConstraint("slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND length(slug) <= 63", name="slug"),
    CheckConstraint("ends_at >= starts_at", name="ends_after_start"),
    CheckConstraint("key_generation BETWEEN 1 AND 255", name="key_generation"),
    CheckConstraint("waiting_list_hours BETWEEN 1 AND 168", name="waiting_list_hours"),
    CheckConstraint("late_payments IN ('accept', 'refund', 'review')", name="late_payments"),
)


event_keys = Table(
    "event_keys",
    metadata,
    Column("event_id", BigInteger, ForeignKey("events.id"), primary_key=True),
    Column("generation", Integer, primary_key=True),
    Column("public_key", LargeBinary, nullable=False),
    created_at_column("created_at"),
    timestamp_column("retired_at", nullable=True),
    CheckConstraint("octet_length(public_key) = 32", name="public_key"),
)
