"""Give every place of an order a guest of its own, with a name given by the buyer.

Until now all places of an order belonged to one guest, and a buyer whose address was known got
tickets in the name of the person behind it. Their tickets get the buyer's name, and their PDFs
with that person's name are forgotten, so that they are rendered again before they are shown.

Revision ID: 0002_order_guests
Revises: 0001_baseline
"""

from alembic import op

revision = "0002_order_guests"
down_revision = "0001_baseline"

SCHEMA = """
ALTER TABLE events
    ADD COLUMN guest_names_required BOOLEAN DEFAULT false NOT NULL,
    ADD COLUMN guest_changes_until TIMESTAMPTZ,
    ADD COLUMN transfer_renews_code BOOLEAN DEFAULT false NOT NULL,
    ADD COLUMN guest_questions TEXT DEFAULT '' NOT NULL;
CREATE TABLE order_guests (
    order_line_id BIGINT NOT NULL,
    number BIGINT NOT NULL,
    full_name TEXT NOT NULL,
    email TEXT DEFAULT '' NOT NULL,
    answers JSONB DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT pk_order_guests PRIMARY KEY (order_line_id, number),
    CONSTRAINT ck_order_guests_number CHECK (number > 0),
    CONSTRAINT ck_order_guests_full_name CHECK (full_name <> ''),
    CONSTRAINT fk_order_guests_order_line_id FOREIGN KEY (order_line_id) REFERENCES order_lines (id)
);
"""
GUEST_PER_PLACE = """
CREATE TEMPORARY TABLE place ON COMMIT DROP AS
    SELECT e.id AS entitlement_id, e.guest_id AS old_guest_id, e.event_id,
           g.full_name AS old_name,
           format('order:%s/%s/%s', o.code, l.ticket_type_id, p.number) AS natural_key,
           coalesce(nullif(o.buyer_name, ''), g.full_name) AS full_name,
           o.buyer_email AS email, o.buyer_phone AS phone
    FROM order_positions p
    JOIN order_lines l ON l.id = p.order_line_id
    JOIN orders o ON o.id = l.order_id
    JOIN entitlements e ON e.id = p.entitlement_id
    JOIN guests g ON g.id = e.guest_id;
INSERT INTO guests (event_id, natural_key, full_name, email, phone)
    SELECT event_id, natural_key, full_name, email, phone FROM place;
ALTER TABLE generated_tickets DROP CONSTRAINT fk_generated_tickets_entitlement;
UPDATE entitlements e SET guest_id = g.id
    FROM place JOIN guests g USING (event_id, natural_key)
    WHERE e.id = place.entitlement_id;
UPDATE generated_tickets t SET guest_id = e.guest_id
    FROM entitlements e JOIN place ON place.entitlement_id = e.id
    WHERE t.entitlement_id = e.id;
ALTER TABLE generated_tickets ADD CONSTRAINT fk_generated_tickets_entitlement
    FOREIGN KEY (event_id, entitlement_id, guest_id)
    REFERENCES entitlements (event_id, id, guest_id);
UPDATE generated_tickets t
    SET generated_at = NULL, pdf_file_path = NULL, pdf_sha256 = NULL, pdf_bytes = NULL,
        document_key = NULL, render_error = NULL
    FROM place
    WHERE t.entitlement_id = place.entitlement_id AND t.state = 'live'
    AND place.full_name <> place.old_name;
DELETE FROM guests g USING place
    WHERE g.id = place.old_guest_id
    AND NOT EXISTS (SELECT FROM entitlements e WHERE e.guest_id = g.id);
"""


def upgrade() -> None:
    """Add the columns and the table, then divide the guests of orders."""
    op.execute(SCHEMA)
    op.execute(GUEST_PER_PLACE)


def downgrade() -> None:
    """Refuse: the names of places cannot be merged into one guest again."""
    raise NotImplementedError("restore a backup instead: every place has its own guest now")
