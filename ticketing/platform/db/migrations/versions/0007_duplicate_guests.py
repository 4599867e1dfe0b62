"""Hold possible duplicates, merge guests, and record changes of guests and touched tickets.

Revision ID: 0007_duplicate_guests
Revises: 0006_roster_rows
"""

from alembic import op

revision = "0007_duplicate_guests"
down_revision = "0006_roster_rows"

_UPGRADE = """
ALTER TABLE guests ADD COLUMN merged_into BIGINT;
CREATE INDEX ix_guests_merged ON guests (event_id, merged_into) WHERE merged_into IS NOT NULL;

ALTER TABLE entitlements ADD COLUMN duplicate_of TEXT;
ALTER TABLE entitlements ADD CONSTRAINT ck_entitlements_duplicate_is_on_hold
    CHECK (duplicate_of IS NULL OR hold_reason IS NOT NULL);
CREATE INDEX ix_entitlements_duplicates ON entitlements (event_id, id)
    WHERE duplicate_of IS NOT NULL;

ALTER TABLE imports ADD COLUMN live_tickets BIGINT NOT NULL DEFAULT 0;
ALTER TABLE imports ADD COLUMN delivered_tickets BIGINT NOT NULL DEFAULT 0;

CREATE TABLE guest_changes (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    event_id BIGINT NOT NULL,
    guest_id BIGINT NOT NULL,
    field TEXT NOT NULL,
    old_value TEXT NOT NULL,
    new_value TEXT NOT NULL,
    changed_by TEXT NOT NULL,
    changed_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
    CONSTRAINT pk_guest_changes PRIMARY KEY (id),
    CONSTRAINT fk_guest_changes_event_id FOREIGN KEY (event_id) REFERENCES events (id),
    CONSTRAINT fk_guest_changes_guest_id FOREIGN KEY (guest_id) REFERENCES guests (id)
);
CREATE INDEX ix_guest_changes_guest_id ON guest_changes (guest_id);
CREATE INDEX ix_guest_changes_event_id ON guest_changes (event_id);
"""


def upgrade() -> None:
    """Add the columns and the table."""
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute(_UPGRADE)


def downgrade() -> None:
    """Refuse: the decisions about duplicates would be lost and their tickets issued."""
    raise NotImplementedError("the decisions about duplicates would be lost; restore a backup")
