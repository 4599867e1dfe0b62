-- Payment attempts and instalments.

CREATE TABLE payment_attempts (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    order_id BIGINT NOT NULL,
    number BIGINT NOT NULL,
    key TEXT NOT NULL,
    state TEXT DEFAULT 'created' NOT NULL,
    amount BIGINT DEFAULT 0 NOT NULL,
    refunded BIGINT DEFAULT 0 NOT NULL,
    transaction_id TEXT DEFAULT '' NOT NULL,
    payment_type TEXT DEFAULT '' NOT NULL,
    checkout_token TEXT DEFAULT '' NOT NULL,
    checkout_url TEXT DEFAULT '' NOT NULL,
    checkout_claimed_until TIMESTAMPTZ,
    checkout_claimed_by INTEGER,
    checkout_closed_at TIMESTAMPTZ,
    instalment_sequence BIGINT,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_payment_attempts PRIMARY KEY (id),
    CONSTRAINT uq_payment_attempts_order_id_number UNIQUE (order_id, number),
    CONSTRAINT ck_payment_attempts_refunded CHECK (refunded >= 0),
    CONSTRAINT fk_payment_attempts_order_id FOREIGN KEY (order_id) REFERENCES orders (id),
    CONSTRAINT uq_payment_attempts_key UNIQUE (key)
);
CREATE INDEX ix_payment_attempts_open_checkout
    ON payment_attempts (order_id)
    WHERE checkout_token <> '' AND checkout_closed_at IS NULL;
CREATE INDEX ix_payment_attempts_transaction_id
    ON payment_attempts (transaction_id)
    WHERE transaction_id <> '';

CREATE TABLE order_instalments (
    order_id BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    due_at TIMESTAMPTZ NOT NULL,
    amount BIGINT NOT NULL,
    paid_attempt_id BIGINT,
    paid_at TIMESTAMPTZ,
    CONSTRAINT pk_order_instalments PRIMARY KEY (order_id, sequence),
    CONSTRAINT ck_order_instalments_amount CHECK (amount > 0),
    CONSTRAINT ck_order_instalments_paid CHECK (paid_attempt_id IS NULL OR paid_at IS NOT NULL),
    CONSTRAINT fk_order_instalments_order_id FOREIGN KEY (order_id) REFERENCES orders (id),
    CONSTRAINT uq_order_instalments_paid_attempt_id UNIQUE (paid_attempt_id),
    CONSTRAINT fk_order_instalments_paid_attempt_id
        FOREIGN KEY (paid_attempt_id) REFERENCES payment_attempts (id)
);
CREATE INDEX ix_order_instalments_due_at ON order_instalments (due_at) WHERE paid_at IS NULL;

-- Checked when the transaction ends: instalments are written one by one.
CREATE FUNCTION check_order_instalments() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    checked bigint := coalesce(NEW.order_id, OLD.order_id);
BEGIN
    IF (SELECT total FROM orders WHERE id = checked)
        <> (SELECT coalesce(sum(amount), 0) FROM order_instalments WHERE order_id = checked)
    THEN
        RAISE EXCEPTION 'the instalments of order % do not add up to its total', checked
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER order_instalments_equal_total AFTER INSERT OR DELETE ON order_instalments
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION check_order_instalments();
CREATE CONSTRAINT TRIGGER changed_order_instalments_equal_total AFTER UPDATE ON order_instalments
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (OLD.amount <> NEW.amount OR OLD.order_id <> NEW.order_id)
    EXECUTE FUNCTION check_order_instalments();
