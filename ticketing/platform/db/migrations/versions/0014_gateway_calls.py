"""Count the requests to the payment gateway by attempt.

Revision ID: 0014_gateway_calls
Revises: 0013_payment_means
"""

from alembic import op

revision = "0014_gateway_calls"
down_revision = "0013_payment_means"


def upgrade() -> None:
    """Create the table; earlier requests were not counted."""
    op.execute("SET LOCAL lock_timeout = '10s'")  # the foreign key locks payment_attempts
    op.execute(
        """
        CREATE TABLE gateway_calls (
            attempt_id BIGINT NOT NULL,
            kind TEXT NOT NULL,
            calls BIGINT DEFAULT 0 NOT NULL,
            CONSTRAINT pk_gateway_calls PRIMARY KEY (attempt_id, kind),
            CONSTRAINT fk_gateway_calls_attempt_id
                FOREIGN KEY (attempt_id) REFERENCES payment_attempts (id)
        )
        """
    )


def downgrade() -> None:
    """Drop the table."""
    op.execute("DROP TABLE gateway_calls")
