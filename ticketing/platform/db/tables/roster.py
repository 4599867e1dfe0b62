"""Tables of rosters: guests and their changes, entitlements, imports, rejected rows."""

from sqlalchemy import (
    BigInteger,
    Boolean,
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
    foreign_key_column,
    holder_column,
    id_column,
    jsonb_column,
    metadata,
    optional_bigint_column,
    text_column,
    timestamp_column,
    unconstrained_event_id_column,
)

guests = Table(
    "guests",
    metadata,
    id_column(),
    unconstrained_event_id_column(),
    # id:<external id>, else email:<address>, else tel:<E.164>; order:<order>/<type>/<number> for
    # a place of an order, which is never merged with anybody
    text_column("natural_key"),
    text_column("external_id", nullable=True),
    text_column("first_name", ""),
    text_column("last_name", ""),
    text_column("full_name"),
    text_column("email", ""),
    text_column("phone", ""),
    created_at_column("created_at"),
    created_at_column("updated_at"),
    jsonb_column("extra"),  # kept columns of the roster, by header
    # the guest that staff merged this one into; a foreign key would slow down a large import
    optional_bigint_column("merged_into"),
    text_column("locale", ""),  # of the ticket and its messages; else that of the event
    text_column("sales_channel", ""),
    Column("is_test", Boolean, nullable=False, server_default=text("false")),
    UniqueConstraint("event_id", "natural_key"),  # upsert of the import; search by external id
    CheckConstraint("full_name <> ''", name="full_name"),
    Index("ix_guests_event_id_email", "event_id", "email"),  # search by address
    Index("ix_guests_event_id_phone", "event_id", "phone"),  # search by number
    # does an import have to look for merged guests at all
    Index(
        "ix_guests_merged",
        "event_id",
        "merged_into",
        postgresql_where=text("merged_into IS NOT NULL"),
    ),
)


guest_changes = Table(  # changes of people who may have a ticket, for `explain`
    "guest_changes",
    metadata,
    id_column(),
    event_id_column(),
    foreign_key_column("guest_id", "guests.id"),
    text_column("field"),
    text_column("old_value"),
    text_column("new_value"),
    text_column("changed_by"),
    created_at_column("changed_at"),
    Index("ix_guest_changes_guest_id", "guest_id"),  # history of a guest
    Index("ix_guest_changes_event_id", "event_id"),  # search by a former name
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
    bigint_column("rejected"),
    bigint_column("withdrawn"),
    bigint_column("live_tickets"),  # of the guests it changed or withdrew
    bigint_column("delivered_tickets"),
    bigint_column("checked_in_tickets"),
    text_column("message", ""),
    text_column("requested_by"),
    timestamp_column("started_at"),
    timestamp_column("completed_at", nullable=True),
    jsonb_column("warnings"),  # count; file: sentences; rows: the first 1000, as objects
    CheckConstraint("state IN ('running', 'completed', 'failed')", name="state"),
    CheckConstraint(
        "state <> 'completed' OR inserted + updated + unchanged + rejected = total_rows",
        name="every_row_counted_once",
    ),
    # the drop folder looks for imported content; the report for the latest import
    Index("ix_imports_event_id_sha256", "event_id", "sha256"),
)


import_rejected_rows = Table(
    "import_rejected_rows",
    metadata,
    Column("import_id", BigInteger, ForeignKey("imports.id"), primary_key=True),
    Column("line_number", BigInteger, primary_key=True),
    event_id_column(),
    text_column("field"),
    text_column("value"),
    text_column("reason"),
    Column("row", JSONB, nullable=False),
)


import_requests = Table(
    "import_requests",
    metadata,
    id_column(),
    event_id_column(),
    text_column("file_name"),
    Column("dry_run", Boolean, nullable=False),
    text_column("state", "queued"),  # queued | running | completed | failed
    holder_column("claimed_by"),  # the process that has the file; interrupted if it has ended
    foreign_key_column("import_id", "imports.id", nullable=True),  # NULL: a dry run, or failed
    jsonb_column("result"),
    text_column("error_code", ""),
    text_column("message", ""),
    text_column("requested_by"),
    timestamp_column("requested_at"),
    timestamp_column("completed_at", nullable=True),
    CheckConstraint("state IN ('queued', 'running', 'completed', 'failed')", name="state"),
)


entitlements = Table(
    "entitlements",
    metadata,
    id_column(),
    unconstrained_event_id_column(),
    Column("guest_id", BigInteger, ForeignKey("guests.id"), nullable=False),
    Column("ticket_type_id", BigInteger, nullable=False),
    text_column("source", "roster"),  # roster | order
    text_column("state", "entitled"),  # entitled | withdrawn
    text_column("seat", ""),
    text_column("hold_reason", nullable=True),  # why no ticket may be issued yet
    text_column("payment_hold", nullable=True),  # what the event's payment rule misses
    # the import that last wrote this row; a foreign key would add a sixth to a large import
    Column("import_id", BigInteger, nullable=True),
    Column("import_line", BigInteger, nullable=True),
    created_at_column("created_at"),
    created_at_column("updated_at"),
    # the natural key of a guest who may be the same person; on hold until staff decide
    text_column("duplicate_of", nullable=True),
    ForeignKeyConstraint(
        ["event_id", "ticket_type_id"],
        ["ticket_types.event_id", "ticket_types.id"],
        name="fk_entitlements_ticket_type",
    ),
    CheckConstraint("source IN ('roster', 'order')", name="source"),
    CheckConstraint("state IN ('entitled', 'withdrawn')", name="state"),
    CheckConstraint("duplicate_of IS NULL OR hold_reason IS NOT NULL", name="duplicate_is_on_hold"),
    # the list of possible duplicates
    Index(
        "ix_entitlements_duplicates",
        "event_id",
        "id",
        postgresql_where=text("duplicate_of IS NOT NULL"),
    ),
    # one entitlement per guest from a roster: upsert of the import
    Index(
        "uq_entitlements_roster_guest",
        "guest_id",
        unique=True,
        postgresql_where=text("source = 'roster'"),
    ),
    # missing tickets and rendering, in order; target of the tickets' foreign key
    UniqueConstraint("event_id", "id", "guest_id"),
)
