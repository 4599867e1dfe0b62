"""The box office: events, people, entitlements, tickets, jobs, and their trails.

Revision ID: 0001
Revises: nothing
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

AUDIT_IS_ADDED_TO_ONLY = """
CREATE FUNCTION audit_log_is_added_to_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is only ever added to';
END
$$;
CREATE TRIGGER audit_log_is_added_to_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION audit_log_is_added_to_only();
"""


def upgrade() -> None:
    """Apply."""
    op.execute("CREATE SCHEMA staging")  # passing tables of imports under way
    op.create_table(
        "events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("uid", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("venue", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("template_id", sa.Text(), server_default="classic", nullable=False),
        sa.Column("key_generation", sa.Integer(), server_default="1", nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND length(slug) <= 63", name=op.f("ck_events_slug")
        ),
        sa.CheckConstraint("ends_at >= starts_at", name=op.f("ck_events_ends_after_start")),
        sa.CheckConstraint(
            "key_generation BETWEEN 1 AND 255", name=op.f("ck_events_key_generation")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
        sa.UniqueConstraint("slug", name=op.f("uq_events_slug")),
        sa.UniqueConstraint("uid", name=op.f("uq_events_uid")),
    )
    op.create_table(
        "audit_log",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column(
            "at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=True),
        sa.Column("subject", sa.Text(), server_default="", nullable=False),
        sa.Column("items", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column(
            "details",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=op.f("fk_audit_log_event_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_log")),
    )
    op.create_index("ix_audit_log_event_id_id", "audit_log", ["event_id", "id"], unique=False)
    op.create_table(
        "batches",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("batch_key", sa.Text(), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), server_default="processing", nullable=False),
        sa.Column("template_id", sa.Text(), nullable=False),
        sa.Column("priority", sa.Text(), server_default="normal", nullable=False),
        sa.Column(
            "options",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("total_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("created_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("rendered_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("skipped_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("failed_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("dagster_run_id", sa.Text(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('processing', 'completed', 'failed', 'cancelled')",
            name=op.f("ck_batches_state"),
        ),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=op.f("fk_batches_event_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batches")),
        sa.UniqueConstraint("batch_key", name=op.f("uq_batches_batch_key")),
    )
    op.create_index("ix_batches_event_id_id", "batches", ["event_id", "id"], unique=False)
    op.create_table(
        "event_keys",
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("octet_length(public_key) = 32", name=op.f("ck_event_keys_public_key")),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=op.f("fk_event_keys_event_id")),
        sa.PrimaryKeyConstraint("event_id", "generation", name=op.f("pk_event_keys")),
    )
    op.create_table(
        "imports",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("source_kind", sa.Text(), nullable=False),
        sa.Column("source_name", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), server_default="", nullable=False),
        sa.Column("encoding", sa.Text(), server_default="", nullable=False),
        sa.Column("delimiter", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "mapping",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("state", sa.Text(), server_default="running", nullable=False),
        sa.Column("total_rows", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("inserted", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("updated", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("unchanged", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("quarantined", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("withdrawn", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("message", sa.Text(), server_default="", nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state <> 'completed' OR inserted + updated + unchanged + quarantined = total_rows",
            name=op.f("ck_imports_every_row_counted_once"),
        ),
        sa.CheckConstraint(
            "state IN ('running', 'completed', 'failed')", name=op.f("ck_imports_state")
        ),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=op.f("fk_imports_event_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_imports")),
    )
    op.create_index("ix_imports_event_id_sha256", "imports", ["event_id", "sha256"], unique=False)
    op.create_table(
        "incidents",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("occurrences", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("last_run_id", sa.Text(), nullable=True),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('run', 'check')", name=op.f("ck_incidents_kind")),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=op.f("fk_incidents_event_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incidents")),
    )
    op.create_index(
        "uq_incidents_open_cause",
        "incidents",
        ["cause"],
        unique=True,
        postgresql_where=sa.text("resolved_at IS NULL"),
    )
    op.create_table(
        "people",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("natural_key", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("first_name", sa.Text(), server_default="", nullable=False),
        sa.Column("last_name", sa.Text(), server_default="", nullable=False),
        sa.Column("full_name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), server_default="", nullable=False),
        sa.Column("phone", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint("full_name <> ''", name=op.f("ck_people_full_name")),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=op.f("fk_people_event_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_people")),
        sa.UniqueConstraint("event_id", "natural_key", name=op.f("uq_people_event_id_natural_key")),
    )
    op.create_index("ix_people_event_id_email", "people", ["event_id", "email"], unique=False)
    op.create_index("ix_people_event_id_phone", "people", ["event_id", "phone"], unique=False)
    op.create_table(
        "ticket_types",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=op.f("fk_ticket_types_event_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ticket_types")),
        sa.UniqueConstraint("event_id", "name", name=op.f("uq_ticket_types_event_id_name")),
    )
    op.create_table(
        "attendees",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("ticket_type_id", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), server_default="roster", nullable=False),
        sa.Column("state", sa.Text(), server_default="entitled", nullable=False),
        sa.Column("seat", sa.Text(), server_default="", nullable=False),
        sa.Column("hold_reason", sa.Text(), nullable=True),
        sa.Column("import_id", sa.BigInteger(), nullable=True),
        sa.Column("import_line", sa.BigInteger(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint("source IN ('roster', 'order')", name=op.f("ck_attendees_source")),
        sa.CheckConstraint("state IN ('entitled', 'withdrawn')", name=op.f("ck_attendees_state")),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=op.f("fk_attendees_event_id")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_attendees_person_id")),
        sa.ForeignKeyConstraint(
            ["ticket_type_id"], ["ticket_types.id"], name=op.f("fk_attendees_ticket_type_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attendees")),
        sa.UniqueConstraint(
            "event_id", "id", "person_id", name=op.f("uq_attendees_event_id_id_person_id")
        ),
    )
    op.create_index(
        "uq_attendees_roster_person",
        "attendees",
        ["person_id"],
        unique=True,
        postgresql_where=sa.text("source = 'roster'"),
    )
    op.create_table(
        "quarantined_rows",
        sa.Column("import_id", sa.BigInteger(), nullable=False),
        sa.Column("line_number", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("row", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(
            ["event_id"], ["events.id"], name=op.f("fk_quarantined_rows_event_id")
        ),
        sa.ForeignKeyConstraint(
            ["import_id"], ["imports.id"], name=op.f("fk_quarantined_rows_import_id")
        ),
        sa.PrimaryKeyConstraint("import_id", "line_number", name=op.f("pk_quarantined_rows")),
    )
    op.create_table(
        "ticket_generation_logs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("guest_id", sa.BigInteger(), nullable=True),
        sa.Column("ticket_id", sa.BigInteger(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column(
            "details",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["event_id"], ["events.id"], name=op.f("fk_ticket_generation_logs_event_id")
        ),
        sa.ForeignKeyConstraint(
            ["job_id"], ["batches.id"], name=op.f("fk_ticket_generation_logs_job_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ticket_generation_logs")),
    )
    op.create_index(
        "ix_ticket_generation_logs_guest_id", "ticket_generation_logs", ["guest_id"], unique=False
    )
    op.create_index(
        "ix_ticket_generation_logs_job_id", "ticket_generation_logs", ["job_id", "id"], unique=False
    )
    op.create_table(
        "generated_tickets",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("attendee_id", sa.BigInteger(), nullable=False),
        sa.Column("guest_id", sa.BigInteger(), nullable=False),
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("ticket_code", sa.Text(), nullable=False),
        sa.Column("token_id", sa.LargeBinary(), nullable=False),
        sa.Column("qr_code_data", sa.Text(), nullable=False),
        sa.Column("magic_link_hash", sa.LargeBinary(), nullable=False),
        sa.Column("key_generation", sa.Integer(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("template_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="live", nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_reason", sa.Text(), nullable=True),
        sa.Column("generated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("pdf_file_path", sa.Text(), nullable=True),
        sa.Column("pdf_sha256", sa.Text(), nullable=True),
        sa.Column("pdf_bytes", sa.BigInteger(), nullable=True),
        sa.Column("document_key", sa.Text(), nullable=True),
        sa.Column("pdf_removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("render_error", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(state = 'revoked') = (revoked_at IS NOT NULL)",
            name=op.f("ck_generated_tickets_state"),
        ),
        sa.CheckConstraint(
            "state IN ('live', 'revoked')", name=op.f("ck_generated_tickets_known_state")
        ),
        sa.CheckConstraint(
            "octet_length(magic_link_hash) = 32", name=op.f("ck_generated_tickets_magic_link_hash")
        ),
        sa.CheckConstraint(
            "octet_length(token_id) = 10", name=op.f("ck_generated_tickets_token_id")
        ),
        sa.ForeignKeyConstraint(
            ["event_id", "attendee_id", "guest_id"],
            ["attendees.event_id", "attendees.id", "attendees.person_id"],
            name=op.f("fk_generated_tickets_entitlement"),
        ),
        sa.ForeignKeyConstraint(
            ["job_id"], ["batches.id"], name=op.f("fk_generated_tickets_job_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_generated_tickets")),
        sa.UniqueConstraint("magic_link_hash", name=op.f("uq_generated_tickets_magic_link_hash")),
        sa.UniqueConstraint("ticket_code", name=op.f("uq_generated_tickets_ticket_code")),
        sa.UniqueConstraint("token_id", name=op.f("uq_generated_tickets_token_id")),
    )
    op.create_index(
        "ix_generated_tickets_event_id_id", "generated_tickets", ["event_id", "id"], unique=False
    )
    op.create_index("ix_generated_tickets_job_id", "generated_tickets", ["job_id"], unique=False)
    op.create_index(
        "uq_generated_tickets_live_attendee",
        "generated_tickets",
        ["attendee_id"],
        unique=True,
        postgresql_where=sa.text("state = 'live'"),
    )
    op.execute(AUDIT_IS_ADDED_TO_ONLY)


def downgrade() -> None:
    """Take back."""
    op.drop_index(
        "uq_generated_tickets_live_attendee",
        table_name="generated_tickets",
        postgresql_where=sa.text("state = 'live'"),
    )
    op.drop_index("ix_generated_tickets_job_id", table_name="generated_tickets")
    op.drop_index("ix_generated_tickets_event_id_id", table_name="generated_tickets")
    op.drop_table("generated_tickets")
    op.drop_index("ix_ticket_generation_logs_job_id", table_name="ticket_generation_logs")
    op.drop_index("ix_ticket_generation_logs_guest_id", table_name="ticket_generation_logs")
    op.drop_table("ticket_generation_logs")
    op.drop_table("quarantined_rows")
    op.drop_index(
        "uq_attendees_roster_person",
        table_name="attendees",
        postgresql_where=sa.text("source = 'roster'"),
    )
    op.drop_table("attendees")
    op.drop_table("ticket_types")
    op.drop_index("ix_people_event_id_phone", table_name="people")
    op.drop_index("ix_people_event_id_email", table_name="people")
    op.drop_table("people")
    op.drop_index(
        "uq_incidents_open_cause",
        table_name="incidents",
        postgresql_where=sa.text("resolved_at IS NULL"),
    )
    op.drop_table("incidents")
    op.drop_index("ix_imports_event_id_sha256", table_name="imports")
    op.drop_table("imports")
    op.drop_table("event_keys")
    op.drop_index("ix_batches_event_id_id", table_name="batches")
    op.drop_table("batches")
    op.drop_index("ix_audit_log_event_id_id", table_name="audit_log")
    op.drop_table("audit_log")
    op.drop_table("events")
    op.execute("DROP FUNCTION audit_log_is_added_to_only()")
    op.execute("DROP SCHEMA staging CASCADE")
