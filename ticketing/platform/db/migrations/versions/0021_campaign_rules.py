"""Store the sending rules of campaigns.

Revision ID: 0021_campaign_rules
Revises: 0020_waiting_list
"""

from alembic import op

revision = "0021_campaign_rules"
down_revision = "0020_waiting_list"

_UPGRADE = """
CREATE TABLE campaign_rules (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    event_id BIGINT NOT NULL,
    days_before INTEGER,
    hours_before INTEGER,
    send_at TIMESTAMPTZ,
    audience TEXT NOT NULL,
    channels TEXT NOT NULL,
    message TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    disabled_at TIMESTAMPTZ,
    applied_at TIMESTAMPTZ,
    ticket_count BIGINT NOT NULL DEFAULT 0,
    CONSTRAINT pk_campaign_rules PRIMARY KEY (id),
    CONSTRAINT fk_campaign_rules_event_id FOREIGN KEY (event_id) REFERENCES events (id),
    CONSTRAINT ck_campaign_rules_time
        CHECK (num_nonnulls(days_before, hours_before, send_at) = 1),
    CONSTRAINT ck_campaign_rules_before CHECK (days_before >= 0 AND hours_before >= 0),
    CONSTRAINT ck_campaign_rules_audience
        CHECK (audience IN ('all', 'unopened', 'undelivered'))
);
CREATE INDEX ix_campaign_rules_event_id ON campaign_rules (event_id);
"""


def upgrade() -> None:
    """Add the table."""
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute(_UPGRADE)


def downgrade() -> None:
    """Remove the rules; messages that they have sent stay."""
    op.execute("DROP TABLE campaign_rules")
