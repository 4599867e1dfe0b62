-- Fees, refunds and cancelled events.

CREATE TABLE refund_rules (
    event_id BIGINT NOT NULL,
    fee_percent BIGINT DEFAULT 0 NOT NULL,
    fee_each BIGINT DEFAULT 0 NOT NULL,
    CONSTRAINT pk_refund_rules PRIMARY KEY (event_id),
    CONSTRAINT ck_refund_rules_fees CHECK (fee_percent BETWEEN 0 AND 100 AND fee_each >= 0),
    CONSTRAINT fk_refund_rules_event_id FOREIGN KEY (event_id) REFERENCES events (id)
);

CREATE TABLE refunds (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    order_id BIGINT NOT NULL,
    attempt_id BIGINT NOT NULL,
    number BIGINT NOT NULL,
    key TEXT NOT NULL,
    amount BIGINT NOT NULL,
    channel TEXT NOT NULL,
    state TEXT DEFAULT 'requested' NOT NULL,
    reason TEXT DEFAULT '' NOT NULL,
    reference TEXT DEFAULT '' NOT NULL,
    gateway_message TEXT DEFAULT '' NOT NULL,
    refunded_externally BIGINT DEFAULT 0 NOT NULL,
    requested_by TEXT NOT NULL,
    requested_at TIMESTAMPTZ NOT NULL,
    claimed_until TIMESTAMPTZ,
    claimed_by INTEGER,
    attempt_count BIGINT DEFAULT 0 NOT NULL,
    completed_at TIMESTAMPTZ,
    CONSTRAINT pk_refunds PRIMARY KEY (id),
    CONSTRAINT uq_refunds_order_id_number UNIQUE (order_id, number),
    CONSTRAINT uq_refunds_attempt_id_key UNIQUE (attempt_id, key),
    CONSTRAINT ck_refunds_amount CHECK (amount > 0),
    CONSTRAINT ck_refunds_channel CHECK (channel IN ('gateway', 'manual', 'external')),
    CONSTRAINT ck_refunds_state
        CHECK (state IN ('requested', 'sent', 'done', 'manual', 'failed', 'cancelled')),
    CONSTRAINT ck_refunds_completed_at
        CHECK ((state IN ('done', 'cancelled')) = (completed_at IS NOT NULL)),
    CONSTRAINT fk_refunds_order_id FOREIGN KEY (order_id) REFERENCES orders (id),
    CONSTRAINT fk_refunds_attempt_id FOREIGN KEY (attempt_id) REFERENCES payment_attempts (id)
);
CREATE INDEX ix_refunds_open ON refunds (id) WHERE completed_at IS NULL;

CREATE TABLE event_cancellations (
    event_id BIGINT NOT NULL,
    plan_hash TEXT NOT NULL,
    reason TEXT NOT NULL,
    fee_percent BIGINT DEFAULT 0 NOT NULL,
    fee_each BIGINT DEFAULT 0 NOT NULL,
    started_by TEXT NOT NULL,
    started_at TIMESTAMPTZ NOT NULL,
    completed_at TIMESTAMPTZ,
    CONSTRAINT pk_event_cancellations PRIMARY KEY (event_id),
    CONSTRAINT fk_event_cancellations_event_id FOREIGN KEY (event_id) REFERENCES events (id)
);
