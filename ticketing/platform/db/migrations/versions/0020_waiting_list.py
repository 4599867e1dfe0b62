"""Let an event choose what happens to late payments, and store waiting lists.

Revision ID: 0020_waiting_list
Revises: 0019_closing_reports
"""

from alembic import op

revision = "0020_waiting_list"
down_revision = "0019_closing_reports"

_UPGRADE = """
ALTER TABLE events ADD COLUMN late_payments TEXT NOT NULL DEFAULT 'accept';
ALTER TABLE events ADD CONSTRAINT ck_events_late_payments
    CHECK (late_payments IN ('accept', 'refund', 'review'));
ALTER TABLE events ADD COLUMN waiting_list_hours INTEGER NOT NULL DEFAULT 24;
ALTER TABLE events ADD CONSTRAINT ck_events_waiting_list_hours
    CHECK (waiting_list_hours BETWEEN 1 AND 168);

CREATE TABLE waiting_list_entries (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    event_id BIGINT NOT NULL,
    ticket_type_id BIGINT NOT NULL,
    token UUID NOT NULL DEFAULT gen_random_uuid(),
    quantity BIGINT NOT NULL,
    buyer_key TEXT NOT NULL,
    buyer_name TEXT NOT NULL,
    buyer_email TEXT NOT NULL,
    buyer_phone TEXT NOT NULL,
    joined_at TIMESTAMPTZ NOT NULL,
    left_at TIMESTAMPTZ,
    order_id BIGINT,
    offer_count BIGINT NOT NULL DEFAULT 0,
    CONSTRAINT pk_waiting_list_entries PRIMARY KEY (id),
    CONSTRAINT fk_waiting_list_entries_event_id FOREIGN KEY (event_id) REFERENCES events (id),
    CONSTRAINT fk_waiting_list_entries_ticket_type_id
        FOREIGN KEY (ticket_type_id) REFERENCES ticket_types (id),
    CONSTRAINT fk_waiting_list_entries_order_id FOREIGN KEY (order_id) REFERENCES orders (id),
    CONSTRAINT uq_waiting_list_entries_token UNIQUE (token),
    CONSTRAINT uq_waiting_list_entries_ticket_type_id_buyer_key
        UNIQUE (ticket_type_id, buyer_key),
    CONSTRAINT uq_waiting_list_entries_order_id UNIQUE (order_id),
    CONSTRAINT ck_waiting_list_entries_quantity CHECK (quantity > 0)
);
CREATE INDEX ix_waiting_list_entries_event_id ON waiting_list_entries (event_id);
CREATE INDEX ix_waiting_list_entries_waiting
    ON waiting_list_entries (ticket_type_id, joined_at, id)
    WHERE order_id IS NULL AND left_at IS NULL;
"""


def upgrade() -> None:
    """Add the table and the columns; events keep accepting late payments while places are left."""
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute(_UPGRADE)


def downgrade() -> None:
    """Refuse: the people who wait would be lost."""
    raise NotImplementedError("the waiting lists would be lost; restore a backup")
