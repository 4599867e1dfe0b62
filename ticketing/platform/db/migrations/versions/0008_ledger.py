"""The books of orders, written by triggers, and those who are told of every entry.

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"

ADDED_TO_ONLY = """
CREATE FUNCTION order_ledger_is_added_to_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is only ever added to';
END
$$;
CREATE TRIGGER order_ledger_is_added_to_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON order_ledger
    FOR EACH STATEMENT EXECUTE FUNCTION order_ledger_is_added_to_only();
"""

# The books are kept at the end of a transaction: whoever acted stands in the audit log by then.
ACTOR = """
CREATE FUNCTION name_the_actor() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('ticketing.actor', NEW.actor, true);
    RETURN NULL;
END
$$;
CREATE TRIGGER name_the_actor AFTER INSERT ON audit_log
    FOR EACH ROW EXECUTE FUNCTION name_the_actor();
"""

# in plpgsql, although one statement: before version 18 PostgreSQL plans an SQL function every time
BOOK = """
CREATE FUNCTION book(
    kind text, event_id bigint, order_id bigint, attempt_id bigint, at timestamptz,
    subject text, sale bigint, money bigint, details jsonb
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO order_ledger (
        kind, event_id, order_id, attempt_id, at, actor, subject, sale, money, details
    ) VALUES (
        book.kind, book.event_id, book.order_id, book.attempt_id, book.at,
        coalesce(current_setting('ticketing.actor', true), ''), book.subject, book.sale,
        book.money, book.details
    );
END
$$;
"""

ORDERS = """
CREATE FUNCTION worth(orders) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN $1.state IN ('pending', 'paid') THEN $1.total ELSE 0 END
$$;
CREATE FUNCTION book_order() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    kind text := 'order.repriced';
    moment timestamptz := now();
    before bigint := 0;
BEGIN
    IF TG_OP = 'INSERT' THEN
        kind := 'order.placed';
        moment := NEW.created_at;
    ELSE
        before := worth(OLD);
        IF NEW.state <> OLD.state THEN
            kind := 'order.' || NEW.state;
            moment := CASE WHEN NEW.state = 'paid' THEN NEW.paid_at ELSE NEW.closed_at END;
        END IF;
    END IF;
    PERFORM book(
        kind, NEW.event_id, NEW.id, NULL, coalesce(moment, now()), NEW.code,
        worth(NEW) - before, 0, jsonb_build_object('total', NEW.total, 'discount', NEW.discount)
    );
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER book_new_order AFTER INSERT ON orders
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION book_order();
CREATE CONSTRAINT TRIGGER book_changed_order AFTER UPDATE ON orders
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (OLD.state <> NEW.state OR OLD.total <> NEW.total)
    EXECUTE FUNCTION book_order();
"""

# What is booked of an attempt is always the difference between what is in our hands now and what
# the books say, so a repeated or skipped step cannot be booked twice or lost. The order is locked
# as everyone who changes money locks it: two at once would both see the same difference.
MONEY = """
CREATE FUNCTION book_money(wanted bigint, moment timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    attempt payment_attempts;
    the_order orders;
    facts jsonb;
    booked bigint;
    by_hand bigint;
    by_gateway bigint;
    held bigint;
    taken constant text[] := ARRAY[
        'capture', 'settlement', 'partial_refund', 'partial_chargeback', 'refund', 'chargeback',
        'reversal'
    ];
BEGIN
    SELECT * INTO attempt FROM payment_attempts WHERE id = wanted;
    IF attempt.state <> ALL (taken) THEN
        RETURN;
    END IF;
    SELECT * INTO the_order FROM orders WHERE id = attempt.order_id FOR NO KEY UPDATE;
    facts := jsonb_build_object('state', attempt.state, 'method', attempt.payment_type);
    IF NOT EXISTS (
        SELECT FROM order_ledger
        WHERE order_id = the_order.id AND attempt_id = wanted AND kind = 'payment.captured'
    ) THEN
        PERFORM book(
            'payment.captured', the_order.event_id, the_order.id, wanted, moment, attempt.key,
            0, attempt.amount, facts
        );
    END IF;
    SELECT coalesce(sum(money), 0) INTO booked FROM order_ledger
        WHERE order_id = the_order.id AND attempt_id = wanted;
    SELECT
        coalesce(sum(amount) FILTER (WHERE channel = 'manual'), 0),
        coalesce(sum(amount) FILTER (WHERE channel <> 'manual'), 0)
    INTO by_hand, by_gateway FROM refunds WHERE attempt_id = wanted AND state = 'done';
    held := attempt.amount - least(attempt.amount, greatest(attempt.refunded, by_gateway));
    IF attempt.state IN ('reversal', 'chargeback') THEN
        held := 0;
    END IF;
    held := held - by_hand;
    IF attempt.state IN ('reversal', 'chargeback', 'partial_chargeback') AND NOT EXISTS (
        SELECT FROM order_ledger
        WHERE order_id = the_order.id AND attempt_id = wanted
            AND kind IN ('payment.reversed', 'payment.charged_back')
            AND details ->> 'state' = attempt.state
    ) THEN
        -- how much of it a bank took back in part, the gateway does not say
        PERFORM book(
            CASE attempt.state WHEN 'reversal' THEN 'payment.reversed'
                ELSE 'payment.charged_back' END,
            the_order.event_id, the_order.id, wanted, moment, attempt.key, 0,
            CASE attempt.state WHEN 'partial_chargeback' THEN 0 ELSE held - booked END, facts
        );
        IF attempt.state <> 'partial_chargeback' THEN
            RETURN;
        END IF;
    END IF;
    IF held = booked THEN
        RETURN;
    END IF;
    facts := facts || (
        SELECT jsonb_build_object('refunds', coalesce(jsonb_agg(key ORDER BY id), '[]'))
        FROM refunds
        WHERE attempt_id = wanted AND state = 'done' AND NOT EXISTS (
            SELECT FROM order_ledger AS known
            WHERE known.order_id = the_order.id AND known.details -> 'refunds' ? refunds.key
        )
    );
    PERFORM book(
        CASE WHEN held < booked THEN 'order.refunded' ELSE 'payment.corrected' END,
        the_order.event_id, the_order.id, wanted, moment, attempt.key, 0, held - booked, facts
    );
END
$$;
CREATE FUNCTION book_attempt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM book_money(NEW.id, NEW.updated_at);
    RETURN NULL;
END
$$;
CREATE FUNCTION book_refund() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM book_money(NEW.attempt_id, coalesce(NEW.ended_at, now()));
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER book_new_attempt AFTER INSERT ON payment_attempts
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.state <> 'created')
    EXECUTE FUNCTION book_attempt();
CREATE CONSTRAINT TRIGGER book_changed_attempt AFTER UPDATE ON payment_attempts
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (
        OLD.state <> NEW.state OR OLD.amount <> NEW.amount OR OLD.refunded <> NEW.refunded
    )
    EXECUTE FUNCTION book_attempt();
CREATE CONSTRAINT TRIGGER book_new_refund AFTER INSERT ON refunds
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.state = 'done')
    EXECUTE FUNCTION book_refund();
CREATE CONSTRAINT TRIGGER book_changed_refund AFTER UPDATE ON refunds
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (OLD.state <> NEW.state OR OLD.amount <> NEW.amount)
    EXECUTE FUNCTION book_refund();
"""

CALLS = """
CREATE FUNCTION call_hooks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO hook_calls (endpoint_id, entry_id, next_try)
    SELECT id, NEW.id, NEW.at FROM hook_endpoints
    WHERE NEW.kind = ANY (kinds) AND (event_id IS NULL OR event_id = NEW.event_id)
        AND disabled_at IS NULL AND removed_at IS NULL;
    RETURN NULL;
END
$$;
CREATE TRIGGER call_hooks AFTER INSERT ON order_ledger
    FOR EACH ROW EXECUTE FUNCTION call_hooks();
"""

# What was there before the books were: as placed, as it ended, and its money as it is.
OPENING = """
SELECT set_config('ticketing.actor', 'opening of the books', true);
SELECT book(
    'order.placed', event_id, id, NULL, created_at, code, total, 0,
    jsonb_build_object('total', total, 'discount', discount)
) FROM (SELECT * FROM orders ORDER BY id) AS known;
SELECT book(
    'order.' || state, event_id, id, NULL,
    coalesce(CASE WHEN state = 'paid' THEN paid_at ELSE closed_at END, created_at), code,
    worth(known) - total, 0, jsonb_build_object('total', total, 'discount', discount)
) FROM orders AS known WHERE state <> 'pending' ORDER BY id;
SELECT book_money(id, updated_at) FROM (SELECT * FROM payment_attempts ORDER BY id) AS known;
SELECT set_config('ticketing.actor', '', true);
"""


def _text(name: str, default: str | None = None) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default=default, nullable=False)


def _instant(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _number(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _amount(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False)


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "order_ledger",
        _id(),
        _number("event_id"),
        _number("order_id"),
        _number("attempt_id", nullable=True),
        _text("kind"),
        _instant("at"),
        sa.Column(
            "booked_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        _text("actor", ""),
        _text("subject"),
        _amount("sale"),
        _amount("money"),
        sa.Column(
            "details", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_order_ledger_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_ledger")),
    )
    op.create_index("ix_order_ledger_order_id_id", "order_ledger", ["order_id", "id"])
    op.create_index("ix_order_ledger_event_id_at", "order_ledger", ["event_id", "at"])
    op.create_table(
        "hook_endpoints",
        _id(),
        sa.Column("uid", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        _text("name"),
        _text("url"),
        sa.Column("kinds", sa.ARRAY(sa.Text()), nullable=False),
        _number("event_id", nullable=True),
        _text("created_by"),
        _instant("created_at"),
        _instant("disabled_at", nullable=True),
        _text("disabled_why", ""),
        _instant("removed_at", nullable=True),
        _instant("failing_since", nullable=True),
        _instant("rests_until", nullable=True),
        sa.CheckConstraint("name <> ''", name=op.f("ck_hook_endpoints_name")),
        sa.CheckConstraint("cardinality(kinds) > 0", name=op.f("ck_hook_endpoints_kinds")),
        sa.ForeignKeyConstraint(
            ["event_id"], ["events.id"], name=op.f("fk_hook_endpoints_event_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hook_endpoints")),
        sa.UniqueConstraint("uid", name=op.f("uq_hook_endpoints_uid")),
    )
    op.create_index(
        "uq_hook_endpoints_name",
        "hook_endpoints",
        ["name"],
        unique=True,
        postgresql_where=sa.text("removed_at IS NULL"),
    )
    op.create_table(
        "hook_calls",
        _id(),
        _number("endpoint_id"),
        _number("entry_id"),
        _text("state", "waiting"),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        _instant("next_try", nullable=True),
        _instant("claimed_until", nullable=True),
        _instant("last_try", nullable=True),
        sa.Column("last_status", sa.Integer(), nullable=True),
        _text("last_error", ""),
        _text("answer", ""),
        _instant("ended_at", nullable=True),
        sa.CheckConstraint(
            "state IN ('waiting', 'delivered', 'failed')", name=op.f("ck_hook_calls_state")
        ),
        sa.CheckConstraint(
            "(state = 'waiting') = (next_try IS NOT NULL)", name=op.f("ck_hook_calls_next_try")
        ),
        sa.CheckConstraint(
            "(state = 'waiting') = (ended_at IS NULL)", name=op.f("ck_hook_calls_ended")
        ),
        sa.ForeignKeyConstraint(
            ["endpoint_id"], ["hook_endpoints.id"], name=op.f("fk_hook_calls_endpoint_id")
        ),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["order_ledger.id"], name=op.f("fk_hook_calls_entry_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hook_calls")),
        sa.UniqueConstraint(
            "endpoint_id", "entry_id", name=op.f("uq_hook_calls_endpoint_id_entry_id")
        ),
    )
    op.create_index(
        "ix_hook_calls_due",
        "hook_calls",
        ["next_try", "id"],
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_index(
        "ix_hook_calls_ended_at",
        "hook_calls",
        ["ended_at"],
        postgresql_where=sa.text("ended_at IS NOT NULL"),
    )
    op.drop_constraint(op.f("ck_incidents_kind"), "incidents", type_="check")
    op.create_check_constraint(
        op.f("ck_incidents_kind"), "incidents", "kind IN ('run', 'check', 'hook')"
    )
    for statements in (ADDED_TO_ONLY, ACTOR, BOOK, ORDERS, MONEY, CALLS, OPENING):
        op.execute(statements)


def downgrade() -> None:
    """Take back; the books are lost."""
    for table in ("orders", "payment_attempts", "refunds"):
        what = {"orders": "order", "payment_attempts": "attempt", "refunds": "refund"}[table]
        op.execute(f"DROP TRIGGER book_new_{what} ON {table}")
        op.execute(f"DROP TRIGGER book_changed_{what} ON {table}")
    op.execute("DROP TRIGGER name_the_actor ON audit_log")
    op.drop_table("hook_calls")
    op.drop_table("hook_endpoints")
    op.drop_table("order_ledger")
    for function in (
        "call_hooks()", "book_refund()", "book_attempt()", "book_money(bigint, timestamptz)",
        "book_order()", "worth(orders)",
        "book(text, bigint, bigint, bigint, timestamptz, text, bigint, bigint, jsonb)",
        "name_the_actor()", "order_ledger_is_added_to_only()",
    ):  # fmt: skip
        op.execute(f"DROP FUNCTION {function}")
    op.execute("DELETE FROM incidents WHERE kind = 'hook'")
    op.drop_constraint(op.f("ck_incidents_kind"), "incidents", type_="check")
    op.create_check_constraint(op.f("ck_incidents_kind"), "incidents", "kind IN ('run', 'check')")
