"""Tables of rosters: people, entitlements, imports and rejected rows."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Table,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from ticketing.platform.db.columns import (
    _event,
    _same_event,
    amount,
    document,
    identity,
    instant,
    words,
    written_at,
)
from ticketing.platform.db.tables.metadata import metadata

people = Table(
    "people",
    metadata,
    identity(),
    _same_event(),
    words("natural_key"),  # id:<external id>, else email:<address>, else tel:<E.164>
    words("external_id", nullable=True),
    words("first_name", ""),
    words("last_name", ""),
    words("full_name"),
    words("email", ""),
    words("phone", ""),
    written_at("created_at"),
    written_at("updated_at"),
    UniqueConstraint("event_id", "natural_key"),  # import's upsert; `why` by external id
    CheckConstraint("full_name <> ''", name="full_name"),
    Index("ix_people_event_id_email", "event_id", "email"),  # `why` by address
    Index("ix_people_event_id_phone", "event_id", "phone"),  # `why` by number
)


imports = Table(
    "imports",
    metadata,
    identity(),
    _event(),
    words("source_kind"),  # file | sql
    words("source_name"),
    words("sha256", ""),
    words("encoding", ""),
    words("delimiter", ""),
    document("mapping"),
    words("state", "running"),
    amount("total_rows"),
    amount("inserted"),
    amount("updated"),
    amount("unchanged"),
    amount("quarantined"),
    amount("withdrawn"),
    words("message", ""),
    words("requested_by"),
    instant("started_at"),
    instant("completed_at", nullable=True),
    CheckConstraint("state IN ('running', 'completed', 'failed')", name="state"),
    CheckConstraint(
        "state <> 'completed' OR inserted + updated + unchanged + quarantined = total_rows",
        name="every_row_counted_once",
    ),
    # the drop folder asks whether this content was taken; the report asks for the latest
    Index("ix_imports_event_id_sha256", "event_id", "sha256"),
)


quarantined_rows = Table(
    "quarantined_rows",
    metadata,
    Column("import_id", BigInteger, ForeignKey("imports.id"), primary_key=True),
    Column("line_number", BigInteger, primary_key=True),
    _event(),
    words("field"),
    words("value"),
    words("reason"),
    Column("row", JSONB, nullable=False),
)


attendees = Table(
    "attendees",
    metadata,
    identity(),
    _same_event(),
    Column("person_id", BigInteger, ForeignKey("people.id"), nullable=False),
    Column("ticket_type_id", BigInteger, nullable=False),
    words("source", "roster"),  # roster | order
    words("state", "entitled"),  # entitled | withdrawn
    words("seat", ""),
    words("hold_reason", nullable=True),  # why this person must not get a ticket yet
    # the import that last wrote this row; a foreign key would cost a large import a sixth
    Column("import_id", BigInteger, nullable=True),
    Column("import_line", BigInteger, nullable=True),
    written_at("created_at"),
    written_at("updated_at"),
    ForeignKeyConstraint(
        ["event_id", "ticket_type_id"],
        ["ticket_types.event_id", "ticket_types.id"],
        name="fk_attendees_ticket_type",
    ),
    CheckConstraint("source IN ('roster', 'order')", name="source"),
    CheckConstraint("state IN ('entitled', 'withdrawn')", name="state"),
    # one roster entitlement a person: the import's upsert
    Index(
        "uq_attendees_roster_person",
        "person_id",
        unique=True,
        postgresql_where=text("source = 'roster'"),
    ),
    # missing set and rendering, in order; and what a ticket says of its entitlement must be true
    UniqueConstraint("event_id", "id", "person_id"),
)
