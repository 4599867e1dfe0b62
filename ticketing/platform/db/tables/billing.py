"""Tables of synced payment records: pace, runs and their items, students, versions, bills."""

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    Date,
    Double,
    ForeignKey,
    Index,
    Integer,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR

from ticketing.platform.db.columns import (
    bigint_column,
    foreign_key_column,
    holder_column,
    id_column,
    jsonb_column,
    metadata,
    optional_bigint_column,
    text_column,
    timestamp_column,
)

# how fast a source may be asked, shared by everybody who asks it
billing_sources = Table(
    "billing_sources",
    metadata,
    Column("name", Text, primary_key=True),
    Column("configured_limit", Double, nullable=True),  # requests a second, of the settings
    Column("rate", Double, nullable=False),  # slots a second
    Column("is_learning", Boolean, nullable=False),  # nothing is known of its limit yet
    timestamp_column("next_slot_at"),
    timestamp_column("blocked_until", nullable=True),
    timestamp_column("rate_changed_at"),
    timestamp_column("refused_at", nullable=True),  # the last refusal that lowered the rate
    bigint_column("refusals"),
    CheckConstraint("rate > 0", name="rate"),
    CheckConstraint("configured_limit > 0", name="configured_limit"),
)

# the counters are written by a trigger of `sync_items`, by nobody else
sync_runs = Table(
    "sync_runs",
    metadata,
    id_column(),
    Column("source", Text, ForeignKey("billing_sources.name"), nullable=False),
    text_column("kind"),
    text_column("status", "running"),
    text_column("mapping_version", ""),
    text_column("started_by"),
    timestamp_column("started_at"),
    timestamp_column("resumed_at", nullable=True),  # the last time
    timestamp_column("listed_at", nullable=True),  # every student of the list is an item
    timestamp_column("cancel_requested_at", nullable=True),
    text_column("cancelled_by", ""),
    timestamp_column("finished_at", nullable=True),
    timestamp_column("reset_at", nullable=True),  # not shown any more, nor resumed
    timestamp_column("claimed_until", nullable=True),
    holder_column("claimed_by"),
    text_column("stop_class", ""),  # the failure class that ended a failed run
    text_column("stop_message", ""),
    bigint_column("total"),
    bigint_column("succeeded"),
    bigint_column("failed"),
    bigint_column("unchanged"),  # part of `succeeded`
    bigint_column("list_duplicates"),
    bigint_column("left_count"),  # students that are not on the list any more
    text_column("held_leavers", "none"),
    text_column("held_records", "none"),
    bigint_column("held_leaver_count"),
    bigint_column("held_record_count"),
    Column("samples", JSONB, nullable=False, server_default=text("'[]'::jsonb")),
    Column("arrears", Numeric, nullable=True),  # of all present students, when it had completed
    CheckConstraint(
        "status IN ('running', 'cancelling', 'cancelled', 'completed', 'failed')", name="status"
    ),
    CheckConstraint("kind IN ('full', 'retry')", name="kind"),
    CheckConstraint(
        "(status IN ('running', 'cancelling')) = (finished_at IS NULL)", name="finished_at"
    ),
    CheckConstraint(
        "finished_at IS NULL OR (claimed_by IS NULL AND claimed_until IS NULL)", name="claim"
    ),
    CheckConstraint("status <> 'failed' OR stop_class <> ''", name="stop_class"),
    CheckConstraint("reset_at IS NULL OR finished_at IS NOT NULL", name="reset_at"),
    CheckConstraint("least(total, succeeded, failed, unchanged) >= 0", name="counters"),
    CheckConstraint("succeeded + failed <= total AND unchanged <= succeeded", name="sum"),
    CheckConstraint(
        "status <> 'completed' OR (listed_at IS NOT NULL AND succeeded + failed = total)",
        name="completed",
    ),
    CheckConstraint("held_leavers IN ('none', 'held', 'accepted', 'discarded')", name="leavers"),
    CheckConstraint("held_records IN ('none', 'held', 'accepted', 'discarded')", name="records"),
    Index(
        "uq_sync_runs_running",
        "source",
        unique=True,
        postgresql_where=text("finished_at IS NULL"),
    ),
    Index("ix_sync_runs_source", "source", "id"),
)

students = Table(
    "students",
    metadata,
    id_column(),
    Column("source", Text, ForeignKey("billing_sources.name"), nullable=False),
    text_column("external_id"),  # text: leading zeros count
    text_column("name", ""),
    text_column("group_name", nullable=True),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    Column("pembayaran", JSON, nullable=True),  # the record as received
    text_column("checksum", nullable=True),
    text_column("etag", nullable=True),
    text_column("mapping_version", nullable=True),  # that normalised the record
    Column("version_count", Integer, nullable=False, server_default="0"),
    timestamp_column("listed_first_at"),
    timestamp_column("fetched_at", nullable=True),  # of the stored version; see `sync_items`
    timestamp_column("left_at", nullable=True),  # not on a complete list any more
    Column(
        "search",
        TSVECTOR,
        Computed(
            "to_tsvector('simple', external_id || ' ' || name || ' ' || coalesce(group_name, ''))",
            persisted=True,
        ),
    ),
    UniqueConstraint("source", "external_id"),
    CheckConstraint("external_id <> ''", name="external_id"),
    CheckConstraint(
        "num_nulls(pembayaran, checksum, mapping_version, fetched_at) IN (0, 4)", name="record"
    ),
    CheckConstraint("(pembayaran IS NULL) = (version_count = 0)", name="version_count"),
    Index("ix_students_name", text("lower(name)"), "id"),
    Index("ix_students_search", "search", postgresql_using="gin"),
)

sync_items = Table(
    "sync_items",
    metadata,
    id_column(),
    foreign_key_column("run_id", "sync_runs.id"),
    foreign_key_column("student_id", "students.id"),
    text_column("state", "open"),
    text_column("outcome", nullable=True),
    text_column("failure", nullable=True),  # class of the last failed attempt
    text_column("message", ""),
    Column("attempt_count", Integer, nullable=False, server_default="0"),
    timestamp_column("first_failed_at", nullable=True),
    Column("is_deferred", Boolean, nullable=False, server_default=text("false")),
    timestamp_column("claimed_until", nullable=True),
    holder_column("claimed_by"),
    timestamp_column("finished_at", nullable=True),
    Column("held_record", JSON, nullable=True),  # fetched, and not applied yet
    UniqueConstraint("run_id", "student_id"),
    CheckConstraint("state IN ('open', 'succeeded', 'failed')", name="state"),
    CheckConstraint("outcome IN ('changed', 'unchanged', 'held', 'discarded')", name="outcome"),
    CheckConstraint("(state = 'succeeded') = (outcome IS NOT NULL)", name="succeeded"),
    CheckConstraint("state <> 'failed' OR failure IS NOT NULL", name="failed"),
    CheckConstraint("(state = 'open') = (finished_at IS NULL)", name="finished_at"),
    CheckConstraint(
        "(coalesce(outcome, '') = 'held') = (held_record IS NOT NULL)", name="held_record"
    ),
    CheckConstraint("state = 'open' OR num_nonnulls(claimed_by, claimed_until) = 0", name="claim"),
    Index("ix_sync_items_open", "run_id", "id", postgresql_where=text("state = 'open'")),
    Index("ix_sync_items_failed", "run_id", "id", postgresql_where=text("state = 'failed'")),
    Index("ix_sync_items_held", "run_id", "id", postgresql_where=text("outcome = 'held'")),
    # when a student's record was last confirmed
    Index(
        "ix_sync_items_confirmed",
        "student_id",
        "finished_at",
        postgresql_where=text("state = 'succeeded'"),
    ),
)

sync_log = Table(
    "sync_log",
    metadata,
    id_column(),
    foreign_key_column("run_id", "sync_runs.id"),
    timestamp_column("at"),
    text_column("level"),
    text_column("code"),  # a message of the catalogue; `details` are its values
    jsonb_column("details"),
    CheckConstraint("level IN ('info', 'warning', 'error')", name="level"),
    Index("ix_sync_log_run_id", "run_id", "id"),
)

# a trigger refuses to change versions
payment_record_versions = Table(
    "payment_record_versions",
    metadata,
    id_column(),
    foreign_key_column("student_id", "students.id"),
    Column("number", Integer, nullable=False),
    optional_bigint_column("run_id"),
    text_column("mapping_version"),
    Column("pembayaran", JSON, nullable=False),
    text_column("checksum"),
    Column("bills", JSONB, nullable=False),  # as normalised then
    Column("appeared", Integer, nullable=False),
    Column("changed", Integer, nullable=False),
    Column("vanished", Integer, nullable=False),
    timestamp_column("recorded_at"),
    UniqueConstraint("student_id", "number"),
    CheckConstraint("number >= 1 AND least(appeared, changed, vanished) >= 0", name="numbers"),
    Index("ix_payment_record_versions_recorded_at", "recorded_at"),
)

payment_records = Table(
    "payment_records",
    metadata,
    id_column(),
    foreign_key_column("student_id", "students.id"),
    text_column("source_ref"),
    text_column("bill_code"),
    text_column("period", nullable=True),
    Column("amount_due", Numeric, nullable=False),  # in the main unit of `currency`
    Column("amount_paid", Numeric, nullable=False),
    text_column("state"),
    text_column("stated_state", nullable=True),  # what the source itself says
    Column("paid_on", Date, nullable=True),  # the source states a date only,
    timestamp_column("paid_at", nullable=True),  # or an instant
    text_column("currency"),
    timestamp_column("first_seen_at"),
    timestamp_column("changed_at"),
    timestamp_column("vanished_at", nullable=True),  # the record does not list it any more
    UniqueConstraint("student_id", "source_ref"),
    CheckConstraint("num_nonnulls(paid_on, paid_at) < 2", name="paid_at"),
    CheckConstraint(
        "state IN ('unpaid', 'partial', 'paid', 'waived', 'cancelled', 'pending', 'refunded',"
        " 'unknown')",
        name="state",
    ),
    Index("ix_payment_records_changed_at", "changed_at"),
)
