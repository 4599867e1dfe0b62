"""The tables, as SQLAlchemy Core. Constraints hold the invariants; every index says whose it is.

Instants are timestamptz in UTC; the zone belongs to the event. Migrations repeat this by hand, and
`alembic check` proves that both say the same.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from ticketing.store.columns import amount, document, identity, instant, words, written_at

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _event(*, nullable: bool = False) -> Column[int]:
    return Column("event_id", BigInteger, ForeignKey("events.id"), nullable=nullable)


def _same_event() -> Column[int]:
    """The event of a row whose other columns prove it, or that nobody outside of us can name.

    A foreign key is looked up for every row: those to an event cost a large import a third.
    """
    return Column("event_id", BigInteger, nullable=False)


events = Table(
    "events",
    metadata,
    identity(),
    Column("uid", Uuid, nullable=False, unique=True, server_default=func.gen_random_uuid()),
    Column("slug", Text, nullable=False, unique=True),
    words("name"),
    instant("starts_at"),
    instant("ends_at"),
    words("time_zone"),
    words("locale"),
    words("venue"),
    words("region"),
    words("template_id", "classic"),
    Column("key_generation", Integer, nullable=False, server_default="1"),
    written_at("created_at"),
    written_at("updated_at"),
    CheckConstraint("slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND length(slug) <= 63", name="slug"),
    CheckConstraint("ends_at >= starts_at", name="ends_after_start"),
    CheckConstraint("key_generation BETWEEN 1 AND 255", name="key_generation"),
)

event_keys = Table(
    "event_keys",
    metadata,
    Column("event_id", BigInteger, ForeignKey("events.id"), primary_key=True),
    Column("generation", Integer, primary_key=True),
    Column("public_key", LargeBinary, nullable=False),
    written_at("created_at"),
    instant("retired_at", nullable=True),
    CheckConstraint("octet_length(public_key) = 32", name="public_key"),
)

ticket_types = Table(
    "ticket_types",
    metadata,
    identity(),
    _event(),
    words("name"),
    written_at("created_at"),
    UniqueConstraint("event_id", "name"),
    UniqueConstraint("event_id", "id"),  # an entitlement's type is one of its event's
)

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

batches = Table(
    "batches",
    metadata,
    identity(),  # the job id
    Column("batch_key", Text, nullable=False, unique=True),  # batchId, or the Dagster run
    _event(),
    words("state", "processing"),
    words("template_id"),
    words("priority", "normal"),
    document("options"),
    amount("total_count"),
    amount("created_count"),
    amount("rendered_count"),
    amount("skipped_count"),
    amount("failed_count"),
    words("requested_by"),
    words("dagster_run_id", nullable=True),
    instant("started_at"),
    instant("completed_at", nullable=True),
    CheckConstraint("state IN ('processing', 'completed', 'failed', 'cancelled')", name="state"),
    Index("ix_batches_event_id_id", "event_id", "id"),  # the latest batches of an event
)

generated_tickets = Table(
    "generated_tickets",
    metadata,
    identity(),
    Column("event_id", BigInteger, nullable=False),
    Column("attendee_id", BigInteger, nullable=False),
    Column("guest_id", BigInteger, nullable=False),
    Column("job_id", BigInteger, ForeignKey("batches.id"), nullable=False),
    Column("ticket_code", Text, nullable=False, unique=True),
    Column("token_id", LargeBinary, nullable=False, unique=True),  # the identity inside the QR
    # unique because the token id inside it is; an index of its own doubled the indexes' size
    Column("qr_code_data", Text, nullable=False),
    Column("key_generation", Integer, nullable=False),
    instant("valid_from"),
    instant("valid_until"),
    words("template_id"),
    words("state", "live"),
    instant("issued_at"),
    instant("delivered_at", nullable=True),
    instant("revoked_at", nullable=True),
    words("revoked_reason", nullable=True),
    instant("generated_at", nullable=True),  # when the PDF was written
    words("pdf_file_path", nullable=True),  # relative to the document root
    words("pdf_sha256", nullable=True),
    Column("pdf_bytes", BigInteger, nullable=True),
    words("document_key", nullable=True),  # digest of data, template and fonts behind the PDF
    instant("pdf_removed_at", nullable=True),  # by retention; not rendered again unasked
    words("render_error", nullable=True),
    # the ticket's event and guest are its entitlement's; a key each would say less and cost more
    ForeignKeyConstraint(
        ["event_id", "attendee_id", "guest_id"],
        ["attendees.event_id", "attendees.id", "attendees.person_id"],
        name="fk_generated_tickets_entitlement",
    ),
    CheckConstraint("octet_length(token_id) = 10", name="token_id"),
    CheckConstraint("(state = 'revoked') = (revoked_at IS NOT NULL)", name="state"),
    CheckConstraint("state IN ('live', 'revoked')", name="known_state"),
    # one live ticket per entitlement
    Index(
        "uq_generated_tickets_live_attendee",
        "attendee_id",
        unique=True,
        postgresql_where=text("state = 'live'"),
    ),
    Index("ix_generated_tickets_event_id_id", "event_id", "id"),  # rendering, reports, checks
    Index("ix_generated_tickets_job_id", "job_id"),  # a batch's tickets
)

ticket_generation_logs = Table(
    "ticket_generation_logs",
    metadata,
    identity(),
    Column("job_id", BigInteger, ForeignKey("batches.id"), nullable=False),
    _event(),
    Column("guest_id", BigInteger, nullable=True),
    Column("ticket_id", BigInteger, nullable=True),
    words("status"),  # started | failed | completed | cancelled
    words("message"),
    document("details"),
    written_at("created_at"),
    Index("ix_ticket_generation_logs_job_id", "job_id", "id"),  # one job's story
    Index("ix_ticket_generation_logs_guest_id", "guest_id"),  # `why`: one person's failures
)

incidents = Table(
    "incidents",
    metadata,
    identity(),
    words("cause"),  # one open line per cause, however often it happens
    words("kind"),  # run | check | hook | channel | router
    _event(nullable=True),
    words("message"),
    amount("occurrences"),
    words("last_run_id", nullable=True),
    instant("first_seen_at"),
    instant("last_seen_at"),
    instant("resolved_at", nullable=True),
    instant("told_at", nullable=True),  # to a person
    CheckConstraint("kind IN ('run', 'check', 'hook', 'channel', 'router')", name="kind"),
    Index(
        "uq_incidents_open_cause",
        "cause",
        unique=True,
        postgresql_where=text("resolved_at IS NULL"),
    ),
)

audit_log = Table(
    "audit_log",
    metadata,
    identity(),
    written_at("at"),
    words("actor"),
    words("action"),
    _event(nullable=True),
    words("subject", ""),
    amount("items"),
    document("details"),
    Index("ix_audit_log_event_id_id", "event_id", "id"),  # the story of an event
)
