-- Routers, packages, vouchers and their history.

CREATE TABLE routers (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    name TEXT NOT NULL,
    host TEXT NOT NULL,
    port INTEGER NOT NULL,
    tls BOOLEAN DEFAULT true NOT NULL,
    ca_certificate_path TEXT DEFAULT '' NOT NULL,
    username TEXT NOT NULL,
    password_encrypted BYTEA NOT NULL,
    failure_count BIGINT DEFAULT 0 NOT NULL,
    failing_since TIMESTAMPTZ,
    circuit_open_until TIMESTAMPTZ,
    last_error TEXT DEFAULT '' NOT NULL,
    last_response_at TIMESTAMPTZ,
    reconciled_at TIMESTAMPTZ,
    removed_at TIMESTAMPTZ,
    CONSTRAINT pk_routers PRIMARY KEY (id),
    CONSTRAINT ck_routers_name CHECK (name ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND length(name) <= 63),
    CONSTRAINT ck_routers_port CHECK (port BETWEEN 1 AND 65535),
    CONSTRAINT ck_routers_failing_since CHECK ((failure_count = 0) = (failing_since IS NULL))
);
CREATE UNIQUE INDEX uq_routers_name ON routers (name) WHERE removed_at IS NULL;

CREATE TABLE packages (
    ticket_type_id BIGINT NOT NULL,
    code TEXT NOT NULL,
    router_id BIGINT NOT NULL,
    profile TEXT NOT NULL,
    validity INTERVAL NOT NULL,
    validity_start TEXT DEFAULT 'from_first_use' NOT NULL,
    unused_expiry INTERVAL,
    online_limit INTERVAL,
    bytes_limit BIGINT,
    shared_users INTEGER DEFAULT 1 NOT NULL,
    prefix TEXT DEFAULT '' NOT NULL,
    alphabet TEXT NOT NULL,
    code_length INTEGER NOT NULL,
    password_length INTEGER,
    pool_size BIGINT DEFAULT 0 NOT NULL,
    CONSTRAINT pk_packages PRIMARY KEY (ticket_type_id),
    CONSTRAINT ck_packages_validity_start CHECK (validity_start IN ('from_sale', 'from_first_use')),
    CONSTRAINT ck_packages_pool_size CHECK (pool_size >= 0),
    CONSTRAINT fk_packages_ticket_type_id FOREIGN KEY (ticket_type_id) REFERENCES ticket_types (id),
    CONSTRAINT uq_packages_code UNIQUE (code),
    CONSTRAINT fk_packages_router_id FOREIGN KEY (router_id) REFERENCES routers (id)
);

CREATE TABLE vouchers (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    key TEXT NOT NULL,
    ticket_type_id BIGINT NOT NULL,
    router_id BIGINT NOT NULL,
    order_line_id BIGINT,
    number BIGINT,
    name TEXT NOT NULL,
    password TEXT NOT NULL,
    state TEXT DEFAULT 'pending' NOT NULL,
    allocated_at TIMESTAMPTZ NOT NULL,
    sold_at TIMESTAMPTZ,
    next_attempt_at TIMESTAMPTZ,
    attempt_count BIGINT DEFAULT 0 NOT NULL,
    failed_at TIMESTAMPTZ,
    last_error TEXT DEFAULT '' NOT NULL,
    activated_at TIMESTAMPTZ,
    first_used_at TIMESTAMPTZ,
    online_time INTERVAL DEFAULT '0'::interval NOT NULL,
    bytes_used BIGINT DEFAULT 0 NOT NULL,
    expires_at TIMESTAMPTZ,
    revoked_reason TEXT DEFAULT '' NOT NULL,
    removed_at TIMESTAMPTZ,
    CONSTRAINT pk_vouchers PRIMARY KEY (id),
    CONSTRAINT uq_vouchers_order_line_id_number UNIQUE (order_line_id, number),
    CONSTRAINT ck_vouchers_state
        CHECK (state IN ('pending', 'provisioning', 'active', 'revoking', 'removed')),
    CONSTRAINT ck_vouchers_sold_at CHECK ((order_line_id IS NULL) = (sold_at IS NULL)),
    CONSTRAINT ck_vouchers_number CHECK ((order_line_id IS NULL) = (number IS NULL)),
    CONSTRAINT ck_vouchers_removed_at CHECK ((state = 'removed') = (removed_at IS NOT NULL)),
    CONSTRAINT ck_vouchers_revoked_reason
        CHECK ((revoked_reason = '') = (state NOT IN ('revoking', 'removed'))),
    CONSTRAINT uq_vouchers_key UNIQUE (key),
    CONSTRAINT fk_vouchers_ticket_type_id
        FOREIGN KEY (ticket_type_id) REFERENCES packages (ticket_type_id),
    CONSTRAINT fk_vouchers_router_id FOREIGN KEY (router_id) REFERENCES routers (id),
    CONSTRAINT fk_vouchers_order_line_id FOREIGN KEY (order_line_id) REFERENCES order_lines (id),
    CONSTRAINT uq_vouchers_name UNIQUE (name)
);
CREATE INDEX ix_vouchers_due
    ON vouchers (router_id, next_attempt_at, id)
    WHERE state IN ('pending', 'provisioning', 'revoking');
CREATE INDEX ix_vouchers_expires_at ON vouchers (expires_at) WHERE state = 'active';
CREATE INDEX ix_vouchers_pool
    ON vouchers (ticket_type_id, id)
    WHERE order_line_id IS NULL AND state <> 'removed';
CREATE INDEX ix_vouchers_router_id_state ON vouchers (router_id, state);

CREATE TABLE voucher_history (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    voucher_id BIGINT NOT NULL,
    at TIMESTAMPTZ DEFAULT now() NOT NULL,
    state TEXT NOT NULL,
    reason TEXT DEFAULT '' NOT NULL,
    actor TEXT DEFAULT '' NOT NULL,
    CONSTRAINT pk_voucher_history PRIMARY KEY (id),
    CONSTRAINT ck_voucher_history_state
        CHECK (state IN ('pending', 'provisioning', 'active', 'revoking', 'removed')),
    CONSTRAINT fk_voucher_history_voucher_id FOREIGN KEY (voucher_id) REFERENCES vouchers (id)
);
CREATE INDEX ix_voucher_history_at ON voucher_history (at);
CREATE INDEX ix_voucher_history_voucher_id ON voucher_history (voucher_id, id);

-- Written when the transaction ends: its audit entry names the actor by then.
CREATE FUNCTION record_voucher_state() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO voucher_history (voucher_id, state, reason, actor)
    VALUES (
        NEW.id, NEW.state,
        CASE WHEN NEW.state IN ('revoking', 'removed') THEN NEW.revoked_reason
            ELSE NEW.last_error END,
        coalesce(current_setting('ticketing.actor', true), '')
    );
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER record_new_voucher AFTER INSERT ON vouchers
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION record_voucher_state();
CREATE CONSTRAINT TRIGGER record_changed_voucher AFTER UPDATE OF state ON vouchers
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state)
    EXECUTE FUNCTION record_voucher_state();

-- Every attempt to deliver the vouchers of a purchase, in the terms of the HTTP API.
CREATE VIEW voucher_delivery_logs AS
SELECT
    delivery_attempts.id, orders.id AS purchase_id, deliveries.channel,
    deliveries.address AS phone, delivery_attempts.state AS status,
    delivery_attempts.reason AS error_message, delivery_attempts.started_at AS created_at
FROM delivery_attempts
JOIN deliveries ON deliveries.id = delivery_attempts.delivery_id
JOIN outbox ON outbox.id = deliveries.outbox_id
JOIN orders ON orders.code = outbox.subject
WHERE outbox.purpose = 'voucher.ready';
