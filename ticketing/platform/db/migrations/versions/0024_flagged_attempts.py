"""Store which payment a review flag is about.

Revision ID: 0024_flagged_attempts
Revises: 0028_order_locale
"""

from alembic import op

revision = "0024_flagged_attempts"
down_revision = "0023_waiting_list_confirmation"

# the message of a flag about one payment begins with the payment's key
_UPGRADE = """
ALTER TABLE order_review_flags ADD COLUMN attempt_id BIGINT
    CONSTRAINT fk_order_review_flags_attempt_id REFERENCES payment_attempts (id);
UPDATE order_review_flags SET attempt_id = payment_attempts.id
    FROM payment_attempts
    WHERE payment_attempts.order_id = order_review_flags.order_id
        AND payment_attempts.key = split_part(order_review_flags.message, ':', 1);
"""


def upgrade() -> None:
    """Add the column, and fill it for the flags whose message names a payment."""
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute(_UPGRADE)


def downgrade() -> None:
    """Remove the column; the messages still name the payments."""
    op.execute("ALTER TABLE order_review_flags DROP COLUMN attempt_id")
