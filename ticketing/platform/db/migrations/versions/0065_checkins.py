"""Record check-ins: lists of an event, pairings of phones, scans; API keys of the role `gate`.

Revision ID: 0065_checkins
Revises: 0054_payment_rules
"""

from alembic import op

revision = "0065_checkins"
down_revision = "0054_payment_rules"

_UPGRADE = """
CREATE TABLE checkin_lists (
    id BIGINT GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_checkin_lists PRIMARY KEY,
    event_id BIGINT NOT NULL CONSTRAINT fk_checkin_lists_event_id REFERENCES events (id),
    name TEXT NOT NULL CONSTRAINT ck_checkin_lists_name CHECK (name <> ''),
    ticket_type_ids BIGINT[],
    allows_reentry BOOLEAN NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT uq_checkin_lists_event_id_name UNIQUE (event_id, name)
);

CREATE TABLE gate_pairings (
    code_sha256 BYTEA CONSTRAINT pk_gate_pairings PRIMARY KEY
        CONSTRAINT ck_gate_pairings_code_sha256 CHECK (octet_length(code_sha256) = 32),
    event_id BIGINT NOT NULL CONSTRAINT fk_gate_pairings_event_id REFERENCES events (id),
    gate TEXT NOT NULL,
    key_hours INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    used_at TIMESTAMPTZ,
    api_key_id BIGINT CONSTRAINT fk_gate_pairings_api_key_id REFERENCES api_keys (id),
    CONSTRAINT ck_gate_pairings_used CHECK ((used_at IS NULL) = (api_key_id IS NULL))
);
CREATE INDEX ix_gate_pairings_event_id ON gate_pairings (event_id);
CREATE INDEX ix_gate_pairings_api_key_id ON gate_pairings (api_key_id);

CREATE TABLE checkins (
    id BIGINT GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_checkins PRIMARY KEY,
    nonce TEXT NOT NULL CONSTRAINT uq_checkins_nonce UNIQUE
        CONSTRAINT ck_checkins_nonce CHECK (nonce ~ '^[A-Za-z0-9_-]{8,64}$'),
    event_id BIGINT NOT NULL CONSTRAINT fk_checkins_event_id REFERENCES events (id),
    list_id BIGINT NOT NULL CONSTRAINT fk_checkins_list_id REFERENCES checkin_lists (id),
    entitlement_id BIGINT CONSTRAINT fk_checkins_entitlement_id REFERENCES entitlements (id),
    ticket_id BIGINT CONSTRAINT fk_checkins_ticket_id REFERENCES generated_tickets (id),
    direction TEXT NOT NULL CONSTRAINT ck_checkins_direction CHECK (direction IN ('entry', 'exit')),
    gate TEXT NOT NULL,
    scanned_at TIMESTAMPTZ NOT NULL,
    received_at TIMESTAMPTZ NOT NULL,
    is_offline BOOLEAN NOT NULL,
    pack_version TEXT NOT NULL,
    verdict TEXT NOT NULL
        CONSTRAINT ck_checkins_verdict CHECK (verdict IN ('admitted', 'refused', 'conflict')),
    reason TEXT NOT NULL,
    note TEXT NOT NULL,
    related_id BIGINT CONSTRAINT fk_checkins_related_id REFERENCES checkins (id),
    is_open BOOLEAN NOT NULL,
    undone_at TIMESTAMPTZ,
    undone_by TEXT NOT NULL,
    undo_reason TEXT NOT NULL,
    CONSTRAINT ck_checkins_reason CHECK ((verdict = 'admitted') = (reason = '')),
    CONSTRAINT ck_checkins_ticket CHECK (verdict = 'refused' OR ticket_id IS NOT NULL),
    CONSTRAINT ck_checkins_place CHECK (num_nonnulls(ticket_id, entitlement_id) <> 1),
    CONSTRAINT ck_checkins_is_open CHECK (
        NOT is_open OR (verdict = 'admitted' AND direction = 'entry' AND undone_at IS NULL)
    ),
    CONSTRAINT ck_checkins_conflict CHECK (verdict <> 'conflict' OR is_offline),
    CONSTRAINT ck_checkins_scanned_at CHECK (scanned_at <= received_at)
);
CREATE UNIQUE INDEX uq_checkins_open_entry ON checkins (list_id, entitlement_id) WHERE is_open;
CREATE INDEX ix_checkins_event_id_id ON checkins (event_id, id);
CREATE INDEX ix_checkins_entitlement_id ON checkins (entitlement_id);
CREATE INDEX ix_checkins_ticket_id ON checkins (ticket_id);
CREATE INDEX ix_checkins_related_id ON checkins (related_id);
CREATE INDEX ix_checkins_conflicts ON checkins (event_id) WHERE verdict = 'conflict';

ALTER TABLE imports ADD checked_in_tickets BIGINT NOT NULL DEFAULT 0;

ALTER TABLE api_keys DROP CONSTRAINT ck_api_keys_role;
ALTER TABLE api_keys ADD CONSTRAINT ck_api_keys_role
    CHECK (role IN ('gate', 'viewer', 'operator', 'admin'));
"""

_DOWNGRADE = """
DROP TABLE checkins, gate_pairings, checkin_lists;
ALTER TABLE imports DROP checked_in_tickets;
UPDATE api_keys SET role = 'viewer', revoked_at = coalesce(revoked_at, now()) WHERE role = 'gate';
ALTER TABLE api_keys DROP CONSTRAINT ck_api_keys_role;
ALTER TABLE api_keys ADD CONSTRAINT ck_api_keys_role
    CHECK (role IN ('viewer', 'operator', 'admin'));
"""


def upgrade() -> None:
    """Create the tables and admit the role."""
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute(_UPGRADE)


def downgrade() -> None:
    """Drop the tables; keys of gates are revoked."""
    op.execute(_DOWNGRADE)
