"""Tables of tickets, generation batches and their logs."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
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
    _event,
    amount,
    document,
    identity,
    instant,
    words,
    written_at,
)
from ticketing.platform.db.tables.metadata import metadata

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
