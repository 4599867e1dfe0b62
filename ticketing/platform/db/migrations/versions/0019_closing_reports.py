"""Store the closing reports of events.

Revision ID: 0019_closing_reports
Revises: 0018_order_environment
"""

from alembic import op

revision = "0019_closing_reports"
down_revision = "0018_order_environment"

_UPGRADE = """
CREATE TABLE closing_reports (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    event_id BIGINT NOT NULL,
    number INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    file BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    created_by TEXT NOT NULL,
    CONSTRAINT pk_closing_reports PRIMARY KEY (id),
    CONSTRAINT uq_closing_reports_event_id_number UNIQUE (event_id, number),
    CONSTRAINT ck_closing_reports_number CHECK (number > 0),
    CONSTRAINT ck_closing_reports_sha256 CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    CONSTRAINT fk_closing_reports_event_id FOREIGN KEY (event_id) REFERENCES events (id)
);
"""


def upgrade() -> None:
    """Create the table."""
    op.execute(_UPGRADE)


def downgrade() -> None:
    """Drop the table; the files in the data folder stay."""
    op.execute("DROP TABLE closing_reports")
