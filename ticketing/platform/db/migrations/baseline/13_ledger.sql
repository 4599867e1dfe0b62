-- The ledger of orders, written by triggers.

CREATE TABLE order_ledger (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    event_id BIGINT NOT NULL,
    order_id BIGINT NOT NULL,
    attempt_id BIGINT,
    kind TEXT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    recorded_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    actor TEXT DEFAULT '' NOT NULL,
    subject TEXT NOT NULL,
    sale BIGINT DEFAULT 0 NOT NULL,
    money BIGINT DEFAULT 0 NOT NULL,
    details JSONB DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT pk_order_ledger PRIMARY KEY (id),
    CONSTRAINT fk_order_ledger_order_id FOREIGN KEY (order_id) REFERENCES orders (id)
);
CREATE INDEX ix_order_ledger_event_id_at ON order_ledger (event_id, at);
CREATE INDEX ix_order_ledger_order_id_id ON order_ledger (order_id, id);

CREATE FUNCTION refuse_change_of_ledger() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only';
END
$$;
CREATE TRIGGER append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON order_ledger
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_ledger();

-- plpgsql although it is one statement: PostgreSQL before 18 plans an SQL function at each call.
CREATE FUNCTION add_ledger_entry(
    kind text, event_id bigint, order_id bigint, attempt_id bigint, at timestamptz,
    subject text, sale bigint, money bigint, details jsonb
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO order_ledger (
        kind, event_id, order_id, attempt_id, at, actor, subject, sale, money, details
    ) VALUES (
        add_ledger_entry.kind, add_ledger_entry.event_id, add_ledger_entry.order_id,
        add_ledger_entry.attempt_id, add_ledger_entry.at,
        coalesce(current_setting('ticketing.actor', true), ''), add_ledger_entry.subject,
        add_ledger_entry.sale, add_ledger_entry.money, add_ledger_entry.details
    );
END
$$;

CREATE FUNCTION order_value(orders) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN $1.state IN ('pending', 'paid') THEN $1.total ELSE 0 END
$$;

CREATE FUNCTION record_order() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    kind text := 'order.repriced';
    happened_at timestamptz := now();
    value_before bigint := 0;
BEGIN
    IF TG_OP = 'INSERT' THEN
        kind := 'order.placed';
        happened_at := NEW.created_at;
    ELSE
        value_before := order_value(OLD);
        IF NEW.state <> OLD.state THEN
            kind := 'order.' || NEW.state;
            happened_at := CASE WHEN NEW.state = 'paid' THEN NEW.paid_at ELSE NEW.closed_at END;
        END IF;
    END IF;
    PERFORM add_ledger_entry(
        kind, NEW.event_id, NEW.id, NULL, coalesce(happened_at, now()), NEW.code,
        order_value(NEW) - value_before, 0,
        jsonb_build_object('total', NEW.total, 'discount', NEW.discount)
    );
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER record_new_order AFTER INSERT ON orders
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION record_order();
CREATE CONSTRAINT TRIGGER record_changed_order AFTER UPDATE ON orders
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (OLD.state <> NEW.state OR OLD.total <> NEW.total)
    EXECUTE FUNCTION record_order();

-- An entry about money is the difference between the money of the attempt now and the sum of its
-- entries, so a repeated or skipped step is neither recorded twice nor lost. The order is locked as
-- by everything that changes its money: two transactions would record the same difference twice.
CREATE FUNCTION record_money(recorded_attempt_id bigint, happened_at timestamptz)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    attempt payment_attempts;
    its_order orders;
    facts jsonb;
    recorded bigint;
    refunded_manually bigint;
    refunded_by_gateway bigint;
    held bigint;
    captured_states constant text[] := ARRAY[
        'capture', 'settlement', 'partial_refund', 'partial_chargeback', 'refund', 'chargeback',
        'reversal'
    ];
BEGIN
    SELECT * INTO attempt FROM payment_attempts WHERE id = recorded_attempt_id;
    IF attempt.state <> ALL (captured_states) THEN
        RETURN;
    END IF;
    SELECT * INTO its_order FROM orders WHERE id = attempt.order_id FOR NO KEY UPDATE;
    facts := jsonb_build_object('state', attempt.state, 'method', attempt.payment_type);
    IF NOT EXISTS (
        SELECT FROM order_ledger
        WHERE order_id = its_order.id AND attempt_id = attempt.id AND kind = 'payment.captured'
    ) THEN
        PERFORM add_ledger_entry(
            'payment.captured', its_order.event_id, its_order.id, attempt.id, happened_at,
            attempt.key, 0, attempt.amount, facts
        );
    END IF;
    SELECT coalesce(sum(money), 0) INTO recorded FROM order_ledger
        WHERE order_id = its_order.id AND attempt_id = attempt.id;
    SELECT
        coalesce(sum(amount) FILTER (WHERE channel = 'manual'), 0),
        coalesce(sum(amount) FILTER (WHERE channel <> 'manual'), 0)
    INTO refunded_manually, refunded_by_gateway
    FROM refunds WHERE attempt_id = attempt.id AND state = 'done';
    held := attempt.amount
        - least(attempt.amount, greatest(attempt.refunded, refunded_by_gateway));
    IF attempt.state IN ('reversal', 'chargeback') THEN
        held := 0;
    END IF;
    held := held - refunded_manually;
    IF attempt.state IN ('reversal', 'chargeback', 'partial_chargeback') AND NOT EXISTS (
        SELECT FROM order_ledger
        WHERE order_id = its_order.id AND attempt_id = attempt.id
            AND kind IN ('payment.reversed', 'payment.charged_back')
            AND details ->> 'state' = attempt.state
    ) THEN
        -- the gateway does not report the amount of a partial chargeback
        PERFORM add_ledger_entry(
            CASE attempt.state WHEN 'reversal' THEN 'payment.reversed'
                ELSE 'payment.charged_back' END,
            its_order.event_id, its_order.id, attempt.id, happened_at, attempt.key, 0,
            CASE attempt.state WHEN 'partial_chargeback' THEN 0 ELSE held - recorded END, facts
        );
        IF attempt.state <> 'partial_chargeback' THEN
            RETURN;
        END IF;
    END IF;
    IF held = recorded THEN
        RETURN;
    END IF;
    facts := facts || (
        SELECT jsonb_build_object('refunds', coalesce(jsonb_agg(key ORDER BY id), '[]'))
        FROM refunds
        WHERE attempt_id = attempt.id AND state = 'done' AND NOT EXISTS (
            SELECT FROM order_ledger AS earlier
            WHERE earlier.order_id = its_order.id AND earlier.details -> 'refunds' ? refunds.key
        )
    );
    PERFORM add_ledger_entry(
        CASE WHEN held < recorded THEN 'order.refunded' ELSE 'payment.corrected' END,
        its_order.event_id, its_order.id, attempt.id, happened_at, attempt.key, 0,
        held - recorded, facts
    );
END
$$;

CREATE FUNCTION record_attempt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM record_money(NEW.id, NEW.updated_at);
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER record_new_attempt AFTER INSERT ON payment_attempts
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.state <> 'created')
    EXECUTE FUNCTION record_attempt();
CREATE CONSTRAINT TRIGGER record_changed_attempt AFTER UPDATE ON payment_attempts
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (
        OLD.state <> NEW.state OR OLD.amount <> NEW.amount OR OLD.refunded <> NEW.refunded
    )
    EXECUTE FUNCTION record_attempt();

CREATE FUNCTION record_refund() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM record_money(NEW.attempt_id, coalesce(NEW.completed_at, now()));
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER record_new_refund AFTER INSERT ON refunds
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.state = 'done')
    EXECUTE FUNCTION record_refund();
CREATE CONSTRAINT TRIGGER record_changed_refund AFTER UPDATE ON refunds
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (OLD.state <> NEW.state OR OLD.amount <> NEW.amount)
    EXECUTE FUNCTION record_refund();
