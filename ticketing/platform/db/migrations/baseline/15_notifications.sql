-- Deliveries, attempts, circuit breakers of channels, opt-outs.

CREATE TABLE deliveries (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    uid UUID DEFAULT gen_random_uuid() NOT NULL,
    outbox_id BIGINT NOT NULL,
    event_id BIGINT,
    channel TEXT NOT NULL,
    address TEXT NOT NULL,
    is_bulk BOOLEAN DEFAULT false NOT NULL,
    state TEXT DEFAULT 'queued' NOT NULL,
    attempt_count INTEGER DEFAULT 0 NOT NULL,
    failure_count INTEGER DEFAULT 0 NOT NULL,
    resend_count INTEGER DEFAULT 0 NOT NULL,
    copy_count INTEGER DEFAULT 0 NOT NULL,
    queued_at TIMESTAMPTZ NOT NULL,
    next_attempt_at TIMESTAMPTZ,
    claimed_until TIMESTAMPTZ,
    claimed_by INTEGER,
    completed_at TIMESTAMPTZ,
    cancelled_at TIMESTAMPTZ,
    provider_id TEXT DEFAULT '' NOT NULL,
    last_error TEXT DEFAULT '' NOT NULL,
    CONSTRAINT pk_deliveries PRIMARY KEY (id),
    CONSTRAINT uq_deliveries_outbox_id_channel UNIQUE (outbox_id, channel),
    CONSTRAINT ck_deliveries_channel CHECK (channel IN ('whatsapp', 'mail', 'link')),
    CONSTRAINT ck_deliveries_state
        CHECK (state IN (
            'queued', 'claimed', 'error', 'unknown', 'sent', 'failed', 'delivered', 'read'
        )),
    CONSTRAINT ck_deliveries_claimed_until
        CHECK ((state = 'claimed') = (claimed_until IS NOT NULL)),
    CONSTRAINT ck_deliveries_next_attempt_at
        CHECK (next_attempt_at IS NOT NULL OR state NOT IN ('queued', 'error')),
    CONSTRAINT uq_deliveries_uid UNIQUE (uid),
    CONSTRAINT fk_deliveries_outbox_id FOREIGN KEY (outbox_id) REFERENCES outbox (id)
);
CREATE INDEX ix_deliveries_claimed ON deliveries (claimed_until) WHERE state = 'claimed';
CREATE INDEX ix_deliveries_due
    ON deliveries (channel, is_bulk, next_attempt_at, id)
    WHERE next_attempt_at IS NOT NULL;
CREATE INDEX ix_deliveries_event_id_id ON deliveries (event_id, id);

CREATE TABLE delivery_attempts (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    delivery_id BIGINT NOT NULL,
    number INTEGER NOT NULL,
    channel TEXT NOT NULL,
    reference TEXT NOT NULL,
    started_at TIMESTAMPTZ NOT NULL,
    completed_at TIMESTAMPTZ,
    state TEXT DEFAULT 'claimed' NOT NULL,
    code TEXT DEFAULT '' NOT NULL,
    reason TEXT DEFAULT '' NOT NULL,
    failure_scope TEXT DEFAULT '' NOT NULL,
    provider_id TEXT DEFAULT '' NOT NULL,
    alias TEXT DEFAULT '' NOT NULL,
    CONSTRAINT pk_delivery_attempts PRIMARY KEY (id),
    CONSTRAINT uq_delivery_attempts_delivery_id_number UNIQUE (delivery_id, number),
    CONSTRAINT ck_delivery_attempts_state
        CHECK (state IN (
            'queued', 'claimed', 'error', 'unknown', 'sent', 'failed', 'delivered', 'read'
        )),
    CONSTRAINT fk_delivery_attempts_delivery_id FOREIGN KEY (delivery_id) REFERENCES deliveries (id)
);
CREATE INDEX ix_delivery_attempts_alias ON delivery_attempts (alias) WHERE alias <> '';
CREATE INDEX ix_delivery_attempts_channel_started_at ON delivery_attempts (channel, started_at);
CREATE INDEX ix_delivery_attempts_provider_id
    ON delivery_attempts (provider_id)
    WHERE provider_id <> '';

CREATE TABLE channel_circuit_breakers (
    channel TEXT NOT NULL,
    paused_until TIMESTAMPTZ NOT NULL,
    reason TEXT NOT NULL,
    stopped_at TIMESTAMPTZ,
    resumed_at TIMESTAMPTZ,
    CONSTRAINT pk_channel_circuit_breakers PRIMARY KEY (channel),
    CONSTRAINT ck_channel_circuit_breakers_channel CHECK (channel IN ('whatsapp', 'mail', 'link'))
);

CREATE TABLE opt_outs (
    address TEXT NOT NULL,
    opted_out_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_opt_outs PRIMARY KEY (address),
    CONSTRAINT ck_opt_outs_address CHECK (address = lower(address))
);
