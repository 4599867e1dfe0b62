"""Store synced payment records: the pace of sources, runs and items, students, versions, bills.

Revision ID: 0051_payment_records
Revises: 0064_web_processes
"""

from alembic import op

revision = "0051_payment_records"
down_revision = "0064_web_processes"

_UPGRADE = """
CREATE TABLE billing_sources (
    name TEXT NOT NULL,
    configured_limit DOUBLE PRECISION,
    rate DOUBLE PRECISION NOT NULL,
    is_learning BOOLEAN NOT NULL,
    next_slot_at TIMESTAMPTZ NOT NULL,
    blocked_until TIMESTAMPTZ,
    rate_changed_at TIMESTAMPTZ NOT NULL,
    refused_at TIMESTAMPTZ,
    refusals BIGINT DEFAULT '0' NOT NULL,
    CONSTRAINT pk_billing_sources PRIMARY KEY (name),
    CONSTRAINT ck_billing_sources_rate CHECK (rate > 0),
    CONSTRAINT ck_billing_sources_configured_limit CHECK (configured_limit > 0)
);

CREATE TABLE sync_runs (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    source TEXT NOT NULL,
    kind TEXT NOT NULL,
    status TEXT DEFAULT 'running' NOT NULL,
    mapping_version TEXT DEFAULT '' NOT NULL,
    started_by TEXT NOT NULL,
    started_at TIMESTAMPTZ NOT NULL,
    resumed_at TIMESTAMPTZ,
    listed_at TIMESTAMPTZ,
    cancel_requested_at TIMESTAMPTZ,
    cancelled_by TEXT DEFAULT '' NOT NULL,
    finished_at TIMESTAMPTZ,
    reset_at TIMESTAMPTZ,
    claimed_until TIMESTAMPTZ,
    claimed_by INTEGER,
    stop_class TEXT DEFAULT '' NOT NULL,
    stop_message TEXT DEFAULT '' NOT NULL,
    total BIGINT DEFAULT '0' NOT NULL,
    succeeded BIGINT DEFAULT '0' NOT NULL,
    failed BIGINT DEFAULT '0' NOT NULL,
    unchanged BIGINT DEFAULT '0' NOT NULL,
    list_duplicates BIGINT DEFAULT '0' NOT NULL,
    left_count BIGINT DEFAULT '0' NOT NULL,
    held_leavers TEXT DEFAULT 'none' NOT NULL,
    held_records TEXT DEFAULT 'none' NOT NULL,
    held_leaver_count BIGINT DEFAULT '0' NOT NULL,
    held_record_count BIGINT DEFAULT '0' NOT NULL,
    samples JSONB DEFAULT '[]'::jsonb NOT NULL,
    CONSTRAINT pk_sync_runs PRIMARY KEY (id),
    CONSTRAINT ck_sync_runs_status
        CHECK (status IN ('running', 'cancelling', 'cancelled', 'completed', 'failed')),
    CONSTRAINT ck_sync_runs_kind CHECK (kind IN ('full', 'retry')),
    CONSTRAINT ck_sync_runs_finished_at
        CHECK ((status IN ('running', 'cancelling')) = (finished_at IS NULL)),
    CONSTRAINT ck_sync_runs_claim
        CHECK (finished_at IS NULL OR (claimed_by IS NULL AND claimed_until IS NULL)),
    CONSTRAINT ck_sync_runs_stop_class CHECK (status <> 'failed' OR stop_class <> ''),
    CONSTRAINT ck_sync_runs_reset_at CHECK (reset_at IS NULL OR finished_at IS NOT NULL),
    CONSTRAINT ck_sync_runs_counters CHECK (least(total, succeeded, failed, unchanged) >= 0),
    CONSTRAINT ck_sync_runs_sum CHECK (succeeded + failed <= total AND unchanged <= succeeded),
    CONSTRAINT ck_sync_runs_completed
        CHECK (status <> 'completed' OR (listed_at IS NOT NULL AND succeeded + failed = total)),
    CONSTRAINT ck_sync_runs_leavers
        CHECK (held_leavers IN ('none', 'held', 'accepted', 'discarded')),
    CONSTRAINT ck_sync_runs_records
        CHECK (held_records IN ('none', 'held', 'accepted', 'discarded')),
    CONSTRAINT fk_sync_runs_source FOREIGN KEY (source) REFERENCES billing_sources (name)
);
CREATE INDEX ix_sync_runs_source ON sync_runs (source, id);
CREATE UNIQUE INDEX uq_sync_runs_running ON sync_runs (source) WHERE finished_at IS NULL;

CREATE TABLE students (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    source TEXT NOT NULL,
    external_id TEXT NOT NULL,
    name TEXT DEFAULT '' NOT NULL,
    group_name TEXT,
    active BOOLEAN DEFAULT true NOT NULL,
    pembayaran JSON,
    checksum TEXT,
    etag TEXT,
    mapping_version TEXT,
    version_count INTEGER DEFAULT '0' NOT NULL,
    listed_first_at TIMESTAMPTZ NOT NULL,
    fetched_at TIMESTAMPTZ,
    left_at TIMESTAMPTZ,
    search TSVECTOR GENERATED ALWAYS AS
        (to_tsvector('simple', external_id || ' ' || name || ' '
            || coalesce(group_name, ''))) STORED,
    CONSTRAINT pk_students PRIMARY KEY (id),
    CONSTRAINT uq_students_source_external_id UNIQUE (source, external_id),
    CONSTRAINT ck_students_external_id CHECK (external_id <> ''),
    CONSTRAINT ck_students_record
        CHECK (num_nulls(pembayaran, checksum, mapping_version, fetched_at) IN (0, 4)),
    CONSTRAINT ck_students_version_count CHECK ((pembayaran IS NULL) = (version_count = 0)),
    CONSTRAINT fk_students_source FOREIGN KEY (source) REFERENCES billing_sources (name)
);
CREATE INDEX ix_students_name ON students (lower(name), id);
CREATE INDEX ix_students_search ON students USING gin (search);

CREATE TABLE sync_items (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    run_id BIGINT NOT NULL,
    student_id BIGINT NOT NULL,
    state TEXT DEFAULT 'open' NOT NULL,
    outcome TEXT,
    failure TEXT,
    message TEXT DEFAULT '' NOT NULL,
    attempt_count INTEGER DEFAULT '0' NOT NULL,
    first_failed_at TIMESTAMPTZ,
    is_deferred BOOLEAN DEFAULT false NOT NULL,
    claimed_until TIMESTAMPTZ,
    claimed_by INTEGER,
    finished_at TIMESTAMPTZ,
    held_record JSON,
    CONSTRAINT pk_sync_items PRIMARY KEY (id),
    CONSTRAINT uq_sync_items_run_id_student_id UNIQUE (run_id, student_id),
    CONSTRAINT ck_sync_items_state CHECK (state IN ('open', 'succeeded', 'failed')),
    CONSTRAINT ck_sync_items_outcome
        CHECK (outcome IN ('changed', 'unchanged', 'held', 'discarded')),
    CONSTRAINT ck_sync_items_succeeded CHECK ((state = 'succeeded') = (outcome IS NOT NULL)),
    CONSTRAINT ck_sync_items_failed CHECK (state <> 'failed' OR failure IS NOT NULL),
    CONSTRAINT ck_sync_items_finished_at CHECK ((state = 'open') = (finished_at IS NULL)),
    CONSTRAINT ck_sync_items_held_record
        CHECK ((coalesce(outcome, '') = 'held') = (held_record IS NOT NULL)),
    CONSTRAINT ck_sync_items_claim
        CHECK (state = 'open' OR num_nonnulls(claimed_by, claimed_until) = 0),
    CONSTRAINT fk_sync_items_run_id FOREIGN KEY (run_id) REFERENCES sync_runs (id),
    CONSTRAINT fk_sync_items_student_id FOREIGN KEY (student_id) REFERENCES students (id)
);
CREATE INDEX ix_sync_items_confirmed ON sync_items (student_id, finished_at)
    WHERE state = 'succeeded';
CREATE INDEX ix_sync_items_failed ON sync_items (run_id, id) WHERE state = 'failed';
CREATE INDEX ix_sync_items_held ON sync_items (run_id, id) WHERE outcome = 'held';
CREATE INDEX ix_sync_items_open ON sync_items (run_id, id) WHERE state = 'open';

CREATE TABLE sync_log (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    run_id BIGINT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    level TEXT NOT NULL,
    code TEXT NOT NULL,
    details JSONB DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT pk_sync_log PRIMARY KEY (id),
    CONSTRAINT ck_sync_log_level CHECK (level IN ('info', 'warning', 'error')),
    CONSTRAINT fk_sync_log_run_id FOREIGN KEY (run_id) REFERENCES sync_runs (id)
);
CREATE INDEX ix_sync_log_run_id ON sync_log (run_id, id);

CREATE TABLE payment_record_versions (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    student_id BIGINT NOT NULL,
    number INTEGER NOT NULL,
    run_id BIGINT,
    mapping_version TEXT NOT NULL,
    pembayaran JSON NOT NULL,
    checksum TEXT NOT NULL,
    bills JSONB NOT NULL,
    appeared INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    vanished INTEGER NOT NULL,
    recorded_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_payment_record_versions PRIMARY KEY (id),
    CONSTRAINT uq_payment_record_versions_student_id_number UNIQUE (student_id, number),
    CONSTRAINT ck_payment_record_versions_numbers
        CHECK (number >= 1 AND least(appeared, changed, vanished) >= 0),
    CONSTRAINT fk_payment_record_versions_student_id
        FOREIGN KEY (student_id) REFERENCES students (id)
);
CREATE INDEX ix_payment_record_versions_recorded_at ON payment_record_versions (recorded_at);

CREATE TABLE payment_records (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    student_id BIGINT NOT NULL,
    source_ref TEXT NOT NULL,
    bill_code TEXT NOT NULL,
    period TEXT,
    amount_due NUMERIC NOT NULL,
    amount_paid NUMERIC NOT NULL,
    state TEXT NOT NULL,
    stated_state TEXT,
    paid_on DATE,
    paid_at TIMESTAMPTZ,
    currency TEXT NOT NULL,
    first_seen_at TIMESTAMPTZ NOT NULL,
    changed_at TIMESTAMPTZ NOT NULL,
    vanished_at TIMESTAMPTZ,
    CONSTRAINT pk_payment_records PRIMARY KEY (id),
    CONSTRAINT uq_payment_records_student_id_source_ref UNIQUE (student_id, source_ref),
    CONSTRAINT ck_payment_records_paid_at CHECK (num_nonnulls(paid_on, paid_at) < 2),
    CONSTRAINT ck_payment_records_state
        CHECK (state IN ('unpaid', 'partial', 'paid', 'waived', 'cancelled', 'pending',
        'refunded', 'unknown')),
    CONSTRAINT fk_payment_records_student_id FOREIGN KEY (student_id) REFERENCES students (id)
);
CREATE INDEX ix_payment_records_changed_at ON payment_records (changed_at);

-- The counters of a run are those of its items, whoever writes them.
CREATE FUNCTION count_new_sync_items() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE sync_runs SET total = total + added.items
    FROM (SELECT run_id, count(*) AS items FROM new_items GROUP BY run_id) AS added
    WHERE sync_runs.id = added.run_id;
    RETURN NULL;
END
$$;
CREATE FUNCTION count_sync_items() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE sync_runs SET succeeded = sync_runs.succeeded + difference.succeeded,
        failed = sync_runs.failed + difference.failed,
        unchanged = sync_runs.unchanged + difference.unchanged
    FROM (
        SELECT run_id,
            sum(sign * (state = 'succeeded')::integer) AS succeeded,
            sum(sign * (state = 'failed')::integer) AS failed,
            sum(sign * (outcome IS NOT DISTINCT FROM 'unchanged')::integer) AS unchanged
        FROM (
            SELECT run_id, state, outcome, 1 AS sign FROM new_items
            UNION ALL SELECT run_id, state, outcome, -1 FROM old_items
        ) AS items
        GROUP BY run_id
    ) AS difference
    WHERE sync_runs.id = difference.run_id
        AND (difference.succeeded, difference.failed, difference.unchanged) <> (0, 0, 0);
    RETURN NULL;
END
$$;
CREATE FUNCTION refuse_finished_sync_items() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'an item of a sync begins open';
END
$$;
CREATE TRIGGER begins_open BEFORE INSERT ON sync_items
    FOR EACH ROW WHEN (NEW.state <> 'open') EXECUTE FUNCTION refuse_finished_sync_items();
CREATE TRIGGER count_new AFTER INSERT ON sync_items
    REFERENCING NEW TABLE AS new_items
    FOR EACH STATEMENT EXECUTE FUNCTION count_new_sync_items();
CREATE TRIGGER count_changed AFTER UPDATE ON sync_items
    REFERENCING OLD TABLE AS old_items NEW TABLE AS new_items
    FOR EACH STATEMENT EXECUTE FUNCTION count_sync_items();

CREATE FUNCTION refuse_change_of_payment_record_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'versions of payment records are never overwritten';
END
$$;
CREATE TRIGGER append_only BEFORE UPDATE ON payment_record_versions
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_payment_record_version();
"""


def upgrade() -> None:
    """Add the tables, the triggers that count items, and the one that keeps versions."""
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute(_UPGRADE)


def downgrade() -> None:
    """Refuse: versions of payment records cannot be fetched again."""
    raise NotImplementedError("the versions of payment records would be lost; restore a backup")
