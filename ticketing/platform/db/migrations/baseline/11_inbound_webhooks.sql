-- Inbound webhooks.

CREATE TABLE inbound_webhooks (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    provider TEXT NOT NULL,
    unique_key TEXT NOT NULL,
    external_reference TEXT NOT NULL,
    body BYTEA NOT NULL,
    received_at TIMESTAMPTZ NOT NULL,
    claimed_until TIMESTAMPTZ,
    claimed_by INTEGER,
    attempt_count BIGINT DEFAULT 0 NOT NULL,
    processed_at TIMESTAMPTZ,
    outcome TEXT DEFAULT '' NOT NULL,
    reason TEXT DEFAULT '' NOT NULL,
    CONSTRAINT pk_inbound_webhooks PRIMARY KEY (id),
    CONSTRAINT uq_inbound_webhooks_provider_unique_key UNIQUE (provider, unique_key),
    CONSTRAINT ck_inbound_webhooks_outcome CHECK ((processed_at IS NULL) = (outcome = ''))
);
CREATE INDEX ix_inbound_webhooks_pending ON inbound_webhooks (id) WHERE processed_at IS NULL;
CREATE INDEX ix_inbound_webhooks_quarantined
    ON inbound_webhooks (id)
    WHERE outcome = 'quarantined';
