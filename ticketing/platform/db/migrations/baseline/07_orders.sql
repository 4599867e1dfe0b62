-- Orders, lines, positions, review flags and idempotency keys.

CREATE TABLE orders (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    event_id BIGINT NOT NULL,
    code TEXT NOT NULL,
    token_hash BYTEA NOT NULL,
    state TEXT DEFAULT 'pending' NOT NULL,
    subtotal BIGINT DEFAULT 0 NOT NULL,
    discount BIGINT DEFAULT 0 NOT NULL,
    total BIGINT DEFAULT 0 NOT NULL,
    refunded BIGINT DEFAULT 0 NOT NULL,
    buyer_key TEXT DEFAULT '' NOT NULL,
    buyer_name TEXT DEFAULT '' NOT NULL,
    buyer_email TEXT DEFAULT '' NOT NULL,
    buyer_phone TEXT DEFAULT '' NOT NULL,
    paid_attempt_id BIGINT,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    paid_at TIMESTAMPTZ,
    closed_at TIMESTAMPTZ,
    request_sha256 BYTEA,
    payment_plan_id BIGINT,
    CONSTRAINT pk_orders PRIMARY KEY (id),
    CONSTRAINT ck_orders_state CHECK (state IN ('pending', 'paid', 'cancelled', 'expired')),
    CONSTRAINT ck_orders_total CHECK (total = subtotal - discount AND total >= 0),
    CONSTRAINT ck_orders_token_hash CHECK (octet_length(token_hash) = 32),
    CONSTRAINT fk_orders_event_id FOREIGN KEY (event_id) REFERENCES events (id),
    CONSTRAINT uq_orders_code UNIQUE (code),
    CONSTRAINT uq_orders_token_hash UNIQUE (token_hash),
    CONSTRAINT fk_orders_payment_plan_id FOREIGN KEY (payment_plan_id) REFERENCES payment_plans (id)
);
CREATE INDEX ix_orders_event_id_buyer_key ON orders (event_id, buyer_key);
CREATE INDEX ix_orders_pending_expires_at ON orders (expires_at) WHERE state = 'pending';

CREATE TABLE order_lines (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    order_id BIGINT NOT NULL,
    ticket_type_id BIGINT NOT NULL,
    quantity BIGINT NOT NULL,
    price BIGINT NOT NULL,
    returned BIGINT DEFAULT 0 NOT NULL,
    CONSTRAINT pk_order_lines PRIMARY KEY (id),
    CONSTRAINT uq_order_lines_order_id_ticket_type_id UNIQUE (order_id, ticket_type_id),
    CONSTRAINT ck_order_lines_quantity CHECK (quantity > 0),
    CONSTRAINT ck_order_lines_returned CHECK (returned >= 0 AND returned <= quantity),
    CONSTRAINT ck_order_lines_price CHECK (price >= 0),
    CONSTRAINT fk_order_lines_order_id FOREIGN KEY (order_id) REFERENCES orders (id),
    CONSTRAINT fk_order_lines_ticket_type_id
        FOREIGN KEY (ticket_type_id) REFERENCES ticket_types (id)
);
CREATE INDEX ix_order_lines_ticket_type_id ON order_lines (ticket_type_id);

CREATE TABLE order_positions (
    order_line_id BIGINT NOT NULL,
    number BIGINT NOT NULL,
    entitlement_id BIGINT NOT NULL,
    returned_at TIMESTAMPTZ,
    CONSTRAINT pk_order_positions PRIMARY KEY (order_line_id, number),
    CONSTRAINT fk_order_positions_order_line_id
        FOREIGN KEY (order_line_id) REFERENCES order_lines (id),
    CONSTRAINT uq_order_positions_entitlement_id UNIQUE (entitlement_id),
    CONSTRAINT fk_order_positions_entitlement_id
        FOREIGN KEY (entitlement_id) REFERENCES entitlements (id)
);

CREATE TABLE promo_redemptions (
    order_id BIGINT NOT NULL,
    promo_id BIGINT NOT NULL,
    released_at TIMESTAMPTZ,
    CONSTRAINT pk_promo_redemptions PRIMARY KEY (order_id),
    CONSTRAINT fk_promo_redemptions_order_id FOREIGN KEY (order_id) REFERENCES orders (id),
    CONSTRAINT fk_promo_redemptions_promo_id FOREIGN KEY (promo_id) REFERENCES promos (id)
);
CREATE INDEX ix_promo_redemptions_promo_id ON promo_redemptions (promo_id);

CREATE TABLE order_review_flags (
    order_id BIGINT NOT NULL,
    flag TEXT NOT NULL,
    message TEXT NOT NULL,
    raised_at TIMESTAMPTZ NOT NULL,
    resolved_at TIMESTAMPTZ,
    CONSTRAINT pk_order_review_flags PRIMARY KEY (order_id, flag),
    CONSTRAINT fk_order_review_flags_order_id FOREIGN KEY (order_id) REFERENCES orders (id)
);
CREATE INDEX ix_order_review_flags_open
    ON order_review_flags (raised_at)
    WHERE resolved_at IS NULL;

CREATE TABLE order_idempotency_keys (
    order_id BIGINT NOT NULL,
    key TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_order_idempotency_keys PRIMARY KEY (order_id, key),
    CONSTRAINT fk_order_idempotency_keys_order_id FOREIGN KEY (order_id) REFERENCES orders (id)
);
