"""Tables of people's data: erasures, keyed hashes of erased contacts, and retention rules."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    false,
    text,
)

from ticketing.platform.db.columns import (
    created_at_column,
    event_id_column,
    foreign_key_column,
    id_column,
    jsonb_column,
    metadata,
    text_column,
    timestamp_column,
)

# one row per erasure, written by the transaction that erases; it names nobody
erasures = Table(
    "erasures",
    metadata,
    id_column(),
    Column("plan_hash", Text, nullable=False, unique=True),
    Column("guest_ids", ARRAY(BigInteger), nullable=False),
    Column("order_ids", ARRAY(BigInteger), nullable=False),
    jsonb_column("counts"),  # rows by table
    text_column("erased_by"),
    # the transaction's time: a trigger lets only this transaction erase texts of the audit log
    created_at_column("erased_at"),
)

# whose data were erased, so that an import warns before it brings them back
erased_contacts = Table(
    "erased_contacts",
    metadata,
    Column("contact_hash", LargeBinary, primary_key=True),  # HMAC under the master secret
    Column("opted_out", Boolean, nullable=False, server_default=false()),  # the contact said STOP
    foreign_key_column("erasure_id", "erasures.id"),
    CheckConstraint("octet_length(contact_hash) = 32", name="contact_hash"),
)

retention_rules = Table(
    "retention_rules",
    metadata,
    id_column(),
    event_id_column(nullable=True),  # NULL: every event without a rule of its own
    text_column("field_class"),
    Column("days", Integer, nullable=True),  # after the event's end; NULL: kept
    text_column("set_by"),
    timestamp_column("set_at"),
    CheckConstraint("days >= 1", name="days"),
    CheckConstraint("event_id IS NOT NULL OR days IS NOT NULL", name="kept"),
    Index(
        "uq_retention_rules_event",
        "event_id",
        "field_class",
        unique=True,
        postgresql_where=text("event_id IS NOT NULL"),
    ),
    Index(
        "uq_retention_rules_default",
        "field_class",
        unique=True,
        postgresql_where=text("event_id IS NULL"),
    ),
)
