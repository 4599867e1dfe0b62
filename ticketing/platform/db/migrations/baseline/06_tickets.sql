-- Generation batches, tickets and their log.

CREATE TABLE batches (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    batch_key TEXT NOT NULL,
    event_id BIGINT NOT NULL,
    state TEXT DEFAULT 'processing' NOT NULL,
    template_id TEXT NOT NULL,
    priority TEXT DEFAULT 'normal' NOT NULL,
    options JSONB DEFAULT '{}'::jsonb NOT NULL,
    total_count BIGINT DEFAULT 0 NOT NULL,
    created_count BIGINT DEFAULT 0 NOT NULL,
    rendered_count BIGINT DEFAULT 0 NOT NULL,
    skipped_count BIGINT DEFAULT 0 NOT NULL,
    failed_count BIGINT DEFAULT 0 NOT NULL,
    requested_by TEXT NOT NULL,
    dagster_run_id TEXT,
    started_at TIMESTAMPTZ NOT NULL,
    completed_at TIMESTAMPTZ,
    CONSTRAINT pk_batches PRIMARY KEY (id),
    CONSTRAINT ck_batches_state CHECK (state IN ('processing', 'completed', 'failed', 'cancelled')),
    CONSTRAINT uq_batches_batch_key UNIQUE (batch_key),
    CONSTRAINT fk_batches_event_id FOREIGN KEY (event_id) REFERENCES events (id)
);
CREATE INDEX ix_batches_event_id_id ON batches (event_id, id);

CREATE TABLE generated_tickets (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    event_id BIGINT NOT NULL,
    entitlement_id BIGINT NOT NULL,
    guest_id BIGINT NOT NULL,
    job_id BIGINT NOT NULL,
    ticket_code TEXT NOT NULL,
    token_id BYTEA NOT NULL,
    qr_code_data TEXT NOT NULL,
    key_generation INTEGER NOT NULL,
    valid_from TIMESTAMPTZ NOT NULL,
    valid_until TIMESTAMPTZ NOT NULL,
    template_id TEXT NOT NULL,
    state TEXT DEFAULT 'live' NOT NULL,
    issued_at TIMESTAMPTZ NOT NULL,
    delivered_at TIMESTAMPTZ,
    revoked_at TIMESTAMPTZ,
    revoked_reason TEXT,
    generated_at TIMESTAMPTZ,
    pdf_file_path TEXT,
    pdf_sha256 TEXT,
    pdf_bytes BIGINT,
    document_key TEXT,
    pdf_removed_at TIMESTAMPTZ,
    render_error TEXT,
    CONSTRAINT pk_generated_tickets PRIMARY KEY (id),
    CONSTRAINT fk_generated_tickets_entitlement
        FOREIGN KEY (event_id, entitlement_id, guest_id)
            REFERENCES entitlements (event_id, id, guest_id),
    CONSTRAINT ck_generated_tickets_token_id CHECK (octet_length(token_id) = 10),
    CONSTRAINT ck_generated_tickets_state CHECK ((state = 'revoked') = (revoked_at IS NOT NULL)),
    CONSTRAINT ck_generated_tickets_known_state CHECK (state IN ('live', 'revoked')),
    CONSTRAINT fk_generated_tickets_job_id FOREIGN KEY (job_id) REFERENCES batches (id),
    CONSTRAINT uq_generated_tickets_ticket_code UNIQUE (ticket_code),
    CONSTRAINT uq_generated_tickets_token_id UNIQUE (token_id)
);
CREATE INDEX ix_generated_tickets_event_id_id ON generated_tickets (event_id, id);
CREATE INDEX ix_generated_tickets_job_id ON generated_tickets (job_id);
CREATE UNIQUE INDEX uq_generated_tickets_live_entitlement
    ON generated_tickets (entitlement_id)
    WHERE state = 'live';

CREATE TABLE ticket_generation_logs (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    job_id BIGINT NOT NULL,
    event_id BIGINT NOT NULL,
    guest_id BIGINT,
    ticket_id BIGINT,
    status TEXT NOT NULL,
    message TEXT NOT NULL,
    details JSONB DEFAULT '{}'::jsonb NOT NULL,
    created_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    CONSTRAINT pk_ticket_generation_logs PRIMARY KEY (id),
    CONSTRAINT fk_ticket_generation_logs_job_id FOREIGN KEY (job_id) REFERENCES batches (id),
    CONSTRAINT fk_ticket_generation_logs_event_id FOREIGN KEY (event_id) REFERENCES events (id)
);
CREATE INDEX ix_ticket_generation_logs_guest_id ON ticket_generation_logs (guest_id);
CREATE INDEX ix_ticket_generation_logs_job_id ON ticket_generation_logs (job_id, id);
