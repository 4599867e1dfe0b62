"""Store what several processes of the web service share: rates and counts of requests.

Revision ID: 0064_web_processes
Revises: 0062_backups
"""

from alembic import op

revision = "0064_web_processes"
down_revision = "0062_backups"

_UPGRADE = """
CREATE UNLOGGED TABLE request_rates (
    subject TEXT NOT NULL,
    level DOUBLE PRECISION NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_request_rates PRIMARY KEY (subject)
);
CREATE INDEX ix_request_rates_updated_at ON request_rates (updated_at);
CREATE UNLOGGED TABLE request_counts (
    method TEXT NOT NULL,
    route TEXT NOT NULL,
    code TEXT NOT NULL,
    at_most DOUBLE PRECISION NOT NULL,
    requests BIGINT NOT NULL,
    seconds DOUBLE PRECISION NOT NULL,
    CONSTRAINT pk_request_counts PRIMARY KEY (method, route, code, at_most)
);
"""


def upgrade() -> None:
    """Add the tables."""
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute(_UPGRADE)


def downgrade() -> None:
    """Drop them; each process counts for itself again."""
    op.execute("DROP TABLE request_rates, request_counts")
