"""Tables of check-ins: lists of an event, pairings of phones, and scans with their verdicts."""

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
    UniqueConstraint,
    text,
)

from ticketing.platform.db.columns import (
    event_id_column,
    foreign_key_column,
    id_column,
    metadata,
    text_column,
    timestamp_column,
)

# the entrance of the venue, and whatever else admits a ticket once: a lounge, a meal
checkin_lists = Table(
    "checkin_lists",
    metadata,
    id_column(),
    event_id_column(),
    Column("name", Text, nullable=False),
    Column("ticket_type_ids", ARRAY(BigInteger), nullable=True),  # NULL admits all types
    Column("allows_reentry", Boolean, nullable=False),  # an exit lets the ticket in again
    timestamp_column("created_at"),
    UniqueConstraint("event_id", "name"),
    CheckConstraint("name <> ''", name="name"),
)

gate_pairings = Table(
    "gate_pairings",
    metadata,
    Column("code_sha256", LargeBinary, primary_key=True),  # the code is not stored
    event_id_column(),
    Column("gate", Text, nullable=False),
    Column("key_hours", Integer, nullable=False),  # how long the phone's key is valid
    Column("created_by", Text, nullable=False),
    timestamp_column("created_at"),
    timestamp_column("expires_at"),
    timestamp_column("used_at", nullable=True),
    foreign_key_column("api_key_id", "api_keys.id", nullable=True),
    CheckConstraint("octet_length(code_sha256) = 32", name="code_sha256"),
    CheckConstraint("(used_at IS NULL) = (api_key_id IS NULL)", name="used"),
    Index("ix_gate_pairings_event_id", "event_id"),
    Index("ix_gate_pairings_api_key_id", "api_key_id"),
)

checkins = Table(
    "checkins",
    metadata,
    id_column(),
    Column("nonce", Text, nullable=False, unique=True),  # of the scan, chosen by the gate
    event_id_column(),
    foreign_key_column("list_id", "checkin_lists.id"),
    # a place is used, whichever of its tickets was shown: a reissued one admits nobody again
    foreign_key_column("entitlement_id", "entitlements.id", nullable=True),
    foreign_key_column("ticket_id", "generated_tickets.id", nullable=True),
    Column("direction", Text, nullable=False),
    Column("gate", Text, nullable=False),  # the name of the key or user
    timestamp_column("scanned_at"),  # by the gate's clock, not later than `received_at`
    timestamp_column("received_at"),
    Column("is_offline", Boolean, nullable=False),  # the gate had decided by itself
    text_column("pack_version"),  # of the gate pack with which it decided; else empty
    Column("verdict", Text, nullable=False),
    text_column("reason"),
    text_column("note"),
    # the entry that a refusal or a conflict is about, or that an exit ended
    foreign_key_column("related_id", "checkins.id", nullable=True),
    Column("is_open", Boolean, nullable=False),  # an entry that stands
    timestamp_column("undone_at", nullable=True),
    text_column("undone_by"),
    text_column("undo_reason"),
    CheckConstraint("direction IN ('entry', 'exit')", name="direction"),
    CheckConstraint("verdict IN ('admitted', 'refused', 'conflict')", name="verdict"),
    CheckConstraint("(verdict = 'admitted') = (reason = '')", name="reason"),
    CheckConstraint("verdict = 'refused' OR ticket_id IS NOT NULL", name="ticket"),
    CheckConstraint("num_nonnulls(ticket_id, entitlement_id) <> 1", name="place"),
    CheckConstraint(
        "NOT is_open OR (verdict = 'admitted' AND direction = 'entry' AND undone_at IS NULL)",
        name="is_open",
    ),
    CheckConstraint("verdict <> 'conflict' OR is_offline", name="conflict"),
    CheckConstraint("nonce ~ '^[A-Za-z0-9_-]{8,64}$'", name="nonce"),
    CheckConstraint("scanned_at <= received_at", name="scanned_at"),
    # a place enters a list once, however many gates scan it at the same time
    Index(
        "uq_checkins_open_entry",
        "list_id",
        "entitlement_id",
        unique=True,
        postgresql_where=text("is_open"),
    ),
    Index("ix_checkins_event_id_id", "event_id", "id"),  # reports, retention
    Index("ix_checkins_entitlement_id", "entitlement_id"),  # whether a place was used
    Index("ix_checkins_ticket_id", "ticket_id"),  # explain
    Index("ix_checkins_related_id", "related_id"),
    Index("ix_checkins_conflicts", "event_id", postgresql_where=text("verdict = 'conflict'")),
)
