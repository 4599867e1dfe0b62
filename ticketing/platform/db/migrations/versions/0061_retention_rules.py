"""Store how long people's data are kept, by class of field and by event.

Revision ID: 0061_retention_rules
Revises: 0060_erasures
"""

from alembic import op

revision = "0061_retention_rules"
down_revision = "0060_erasures"

_UPGRADE = """
CREATE TABLE retention_rules (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    event_id BIGINT,
    field_class TEXT NOT NULL,
    days INTEGER,
    set_by TEXT NOT NULL,
    set_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_retention_rules PRIMARY KEY (id),
    CONSTRAINT fk_retention_rules_event_id FOREIGN KEY (event_id) REFERENCES events (id),
    CONSTRAINT ck_retention_rules_days CHECK (days >= 1),
    CONSTRAINT ck_retention_rules_kept CHECK (event_id IS NOT NULL OR days IS NOT NULL)
);
CREATE UNIQUE INDEX uq_retention_rules_event ON retention_rules (event_id, field_class)
    WHERE event_id IS NOT NULL;
CREATE UNIQUE INDEX uq_retention_rules_default ON retention_rules (field_class)
    WHERE event_id IS NULL;
"""


def upgrade() -> None:
    """Add the table; without a rule everything is kept, as before."""
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute(_UPGRADE)


def downgrade() -> None:
    """Drop the rules."""
    op.execute("DROP TABLE retention_rules")
