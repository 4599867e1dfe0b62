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
    bigint_column,
    created_at_column,
    event_id_column,
    id_column,
    jsonb_column,
    text_column,
    timestamp_column,
    unconstrained_event_id_column,
)
from ticketing.platform.db.tables.metadata import metadata

people = Table(
    "people",
    metadata,
    id_column(),
    unconstrained_event_id_column(),
    text_column("natural_key"),  # id:<external id>, else email:<address>, else tel:<E.164>
    text_column("external_id", nullable=True),
    text_column("first_name", ""),
    text_column("last_name", ""),
    text_column("full_name"),
    text_column("email", ""),
    text_column("phone", ""),
    created_at_column("created_at"),
    created_at_column("updated_at"),
    UniqueConstraint("event_id", "natural_key"),  # import's upsert; `why` by external id
    CheckConstraint("full_name <> ''", name="full_name"),
    Index("ix_people_event_id_email", "event_id", "email"),  # `why` by address
    Index("ix_people_event_id_phone", "event_id", "phone"),  # `why` by number
)


imports = Table(
    "imports",
    metadata,
    id_column(),
    event_id_column(),
    text_column("source_kind"),  # file | sql
    text_column("source_name"),
    text_column("sha256", ""),
    text_column("encoding", ""),
    text_column("delimiter", ""),
    jsonb_column("mapping"),
    text_column("state", "running"),
    bigint_column("total_rows"),
    bigint_column("inserted"),
    bigint_column("updated"),
    bigint_column("unchanged"),
    bigint_column("quarantined"),
    bigint_column("withdrawn"),
    text_column("message", ""),
    text_column("requested_by"),
    timestamp_column("started_at"),
    timestamp_column("completed_at", nullable=True),
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
    event_id_column(),
    text_column("field"),
    text_column("value"),
    text_column("reason"),
    Column("row", JSONB, nullable=False),
)


attendees = Table(
    "attendees",
    metadata,
    id_column(),
    unconstrained_event_id_column(),
    Column("person_id", BigInteger, ForeignKey("people.id"), nullable=False),
    Column("ticket_type_id", BigInteger, nullable=False),
    text_column("source", "roster"),  # roster | order
    text_column("state", "entitled"),  # entitled | withdrawn
    text_column("seat", ""),
    text_column("hold_reason", nullable=True),  # why this person must not get a ticket yet
    # the import that last wrote this row; a foreign key would cost a large import a sixth
    Column("import_id", BigInteger, nullable=True),
    Column("import_line", BigInteger, nullable=True),
    created_at_column("created_at"),
    created_at_column("updated_at"),
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
