"""Store erasures of people's data, and let one erase texts of the audit log.

Revision ID: 0060_erasures
Revises: 0032_idempotency_callers
"""

from alembic import op

revision = "0060_erasures"
down_revision = "0040_tickets_in_full"

_UPGRADE = """
CREATE TABLE erasures (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    plan_hash TEXT NOT NULL,
    guest_ids BIGINT[] NOT NULL,
    order_ids BIGINT[] NOT NULL,
    counts JSONB DEFAULT '{}'::jsonb NOT NULL,
    erased_by TEXT NOT NULL,
    erased_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    CONSTRAINT pk_erasures PRIMARY KEY (id),
    CONSTRAINT uq_erasures_plan_hash UNIQUE (plan_hash)
);

CREATE TABLE erased_contacts (
    contact_hash BYTEA NOT NULL,
    opted_out BOOLEAN DEFAULT false NOT NULL,
    erasure_id BIGINT NOT NULL,
    CONSTRAINT pk_erased_contacts PRIMARY KEY (contact_hash),
    CONSTRAINT fk_erased_contacts_erasure_id FOREIGN KEY (erasure_id) REFERENCES erasures (id),
    CONSTRAINT ck_erased_contacts_contact_hash CHECK (octet_length(contact_hash) = 32)
);

-- Only the transaction that records an erasure may change entries, and only their texts.
CREATE OR REPLACE FUNCTION refuse_change_of_audit_log() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND EXISTS (
        SELECT FROM erasures
        WHERE id::text = current_setting('ticketing.erasure', true) AND erased_at = now()
    ) THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'the audit log is append-only';
END
$$;

CREATE FUNCTION refuse_other_change_of_audit_log() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.at, NEW.actor, NEW.action, NEW.event_id, NEW.items)
        IS DISTINCT FROM (OLD.id, OLD.at, OLD.actor, OLD.action, OLD.event_id, OLD.items)
    THEN
        RAISE EXCEPTION 'an erasure changes only subject and details of the audit log';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER only_texts BEFORE UPDATE ON audit_log
    FOR EACH ROW EXECUTE FUNCTION refuse_other_change_of_audit_log();
"""


def upgrade() -> None:
    """Add the tables, and replace the function of the trigger."""
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute(_UPGRADE)


def downgrade() -> None:
    """Refuse: imports would bring erased people back without a warning."""
    raise NotImplementedError("the record of erasures would be lost; restore a backup")
