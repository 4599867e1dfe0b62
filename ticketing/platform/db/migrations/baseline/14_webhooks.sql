-- Outgoing webhooks.

CREATE TABLE webhook_endpoints (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    uid UUID DEFAULT gen_random_uuid() NOT NULL,
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    kinds TEXT[] NOT NULL,
    event_id BIGINT,
    created_by TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    disabled_at TIMESTAMPTZ,
    disabled_reason TEXT DEFAULT '' NOT NULL,
    removed_at TIMESTAMPTZ,
    failing_since TIMESTAMPTZ,
    paused_until TIMESTAMPTZ,
    CONSTRAINT pk_webhook_endpoints PRIMARY KEY (id),
    CONSTRAINT ck_webhook_endpoints_name CHECK (name <> ''),
    CONSTRAINT ck_webhook_endpoints_kinds CHECK (cardinality(kinds) > 0),
    CONSTRAINT uq_webhook_endpoints_uid UNIQUE (uid),
    CONSTRAINT fk_webhook_endpoints_event_id FOREIGN KEY (event_id) REFERENCES events (id)
);
CREATE UNIQUE INDEX uq_webhook_endpoints_name ON webhook_endpoints (name) WHERE removed_at IS NULL;

CREATE TABLE webhook_calls (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    endpoint_id BIGINT NOT NULL,
    entry_id BIGINT NOT NULL,
    state TEXT DEFAULT 'waiting' NOT NULL,
    attempt_count INTEGER DEFAULT 0 NOT NULL,
    next_attempt_at TIMESTAMPTZ,
    claimed_until TIMESTAMPTZ,
    claimed_by INTEGER,
    last_attempt_at TIMESTAMPTZ,
    last_status INTEGER,
    last_error TEXT DEFAULT '' NOT NULL,
    response_excerpt TEXT DEFAULT '' NOT NULL,
    completed_at TIMESTAMPTZ,
    CONSTRAINT pk_webhook_calls PRIMARY KEY (id),
    CONSTRAINT uq_webhook_calls_endpoint_id_entry_id UNIQUE (endpoint_id, entry_id),
    CONSTRAINT ck_webhook_calls_state CHECK (state IN ('waiting', 'delivered', 'failed')),
    CONSTRAINT ck_webhook_calls_next_attempt_at
        CHECK ((state = 'waiting') = (next_attempt_at IS NOT NULL)),
    CONSTRAINT ck_webhook_calls_completed_at CHECK ((state = 'waiting') = (completed_at IS NULL)),
    CONSTRAINT fk_webhook_calls_endpoint_id
        FOREIGN KEY (endpoint_id) REFERENCES webhook_endpoints (id),
    CONSTRAINT fk_webhook_calls_entry_id FOREIGN KEY (entry_id) REFERENCES order_ledger (id)
);
CREATE INDEX ix_webhook_calls_completed_at
    ON webhook_calls (completed_at)
    WHERE completed_at IS NOT NULL;
CREATE INDEX ix_webhook_calls_due ON webhook_calls (next_attempt_at, id) WHERE state = 'waiting';

CREATE FUNCTION enqueue_webhook_calls() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO webhook_calls (endpoint_id, entry_id, next_attempt_at)
    SELECT id, NEW.id, NEW.at FROM webhook_endpoints
    WHERE NEW.kind = ANY (kinds) AND (event_id IS NULL OR event_id = NEW.event_id)
        AND disabled_at IS NULL AND removed_at IS NULL;
    RETURN NULL;
END
$$;
CREATE TRIGGER enqueue_webhook_calls AFTER INSERT ON order_ledger
    FOR EACH ROW EXECUTE FUNCTION enqueue_webhook_calls();
