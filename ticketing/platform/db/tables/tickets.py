"""Tables of tickets, generation batches and their logs."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    text,
)

from ticketing.platform.db.columns import (
    bigint_column,
    created_at_column,
    event_id_column,
    id_column,
    jsonb_column,
    metadata,
    text_column,
    timestamp_column,
)

batches = Table(
    "batches",
    metadata,
    id_column(),  # the job id
    Column("batch_key", Text, nullable=False, unique=True),  # batchId, or the Dagster run
    event_id_column(),
    text_column("state", "processing"),
    text_column("template_id"),
    text_column("priority", "normal"),
    jsonb_column("options"),
    bigint_column("total_count"),
    bigint_column("created_count"),
    bigint_column("rendered_count"),
    bigint_column("skipped_count"),
    bigint_column("failed_count"),
    text_column("requested_by"),
    text_column("dagster_run_id", nullable=True),
    timestamp_column("started_at"),
    timestamp_column("completed_at", nullable=True),
    Column("guest_ids", ARRAY(BigInteger), nullable=True),  # as requested; NULL: all missing
    timestamp_column("dismissed_at", nullable=True),  # taken off the list of failures by staff
    CheckConstraint("state IN ('processing', 'completed', 'failed', 'cancelled')", name="state"),
    Index("ix_batches_event_id_id", "event_id", "id"),  # the latest batches of an event
)


# names stay when a template's folder is removed, so that its number never means another one
ticket_templates = Table(
    "ticket_templates",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False, unique=True),
)


generated_tickets = Table(
    "generated_tickets",
    metadata,
    id_column(),
    Column("event_id", BigInteger, nullable=False),
    Column("entitlement_id", BigInteger, nullable=False),
    Column("guest_id", BigInteger, nullable=False),
    Column("job_id", BigInteger, ForeignKey("batches.id"), nullable=False),
    Column("ticket_code", Text, nullable=False, unique=True),
    Column("token_id", LargeBinary, nullable=False, unique=True),  # the identity inside the QR
    # unique because the token id inside it is; an index of its own doubled the indexes' size
    Column("qr_code_data", Text, nullable=False),
    Column("key_generation", Integer, nullable=False),
    timestamp_column("valid_from"),
    timestamp_column("valid_until"),
    text_column("template_id", nullable=True),  # chosen by a request; NULL is the event's
    text_column("state", "live"),
    timestamp_column("issued_at"),
    timestamp_column("delivered_at", nullable=True),
    timestamp_column("revoked_at", nullable=True),
    text_column("revoked_reason", nullable=True),
    timestamp_column("generated_at", nullable=True),  # when the PDF was written
    text_column("pdf_file_path", nullable=True),  # relative to the document root
    text_column("pdf_sha256", nullable=True),
    Column("pdf_bytes", BigInteger, nullable=True),
    bigint_column("document_revision"),  # counts the PDFs that were discarded
    text_column("document_key", nullable=True),  # digest of data, template and fonts behind the PDF
    timestamp_column("pdf_removed_at", nullable=True),  # by the retention rule
    text_column("render_error", nullable=True),
    timestamp_column("opened_at", nullable=True),  # first view of its page or PDF by the link
    # event and guest are those of the entitlement; two foreign keys would prove less
    ForeignKeyConstraint(
        ["event_id", "entitlement_id", "guest_id"],
        ["entitlements.event_id", "entitlements.id", "entitlements.guest_id"],
        name="fk_generated_tickets_entitlement",
    ),
    CheckConstraint("octet_length(token_id) = 10", name="token_id"),
    CheckConstraint("(state = 'revoked') = (revoked_at IS NOT NULL)", name="state"),
    CheckConstraint("state IN ('live', 'revoked')", name="known_state"),
    # one live ticket per entitlement
    Index(
        "uq_generated_tickets_live_entitlement",
        "entitlement_id",
        unique=True,
        postgresql_where=text("state = 'live'"),
    ),
    Index("ix_generated_tickets_event_id_id", "event_id", "id"),  # rendering, reports, checks
    Index("ix_generated_tickets_job_id", "job_id"),  # tickets of a batch
)


ticket_generation_logs = Table(
    "ticket_generation_logs",
    metadata,
    id_column(),
    Column("job_id", BigInteger, ForeignKey("batches.id"), nullable=False),
    event_id_column(),
    Column("guest_id", BigInteger, nullable=True),
    Column("ticket_id", BigInteger, nullable=True),
    text_column("status"),  # started | failed | completed | cancelled
    text_column("message"),
    jsonb_column("details"),
    created_at_column("created_at"),
    Index("ix_ticket_generation_logs_job_id", "job_id", "id"),  # log of a job
    Index("ix_ticket_generation_logs_guest_id", "guest_id"),  # failures of one guest
)


# a histogram of all processes: one row per bucket, named by its upper bound in seconds
ticket_generation_durations = Table(
    "ticket_generation_durations",
    metadata,
    Column("le", Text, primary_key=True),
    bigint_column("tickets"),
    Column("seconds", Double, nullable=False, server_default="0"),
    bigint_column("in_full"),  # of the tickets: not stamped
)
