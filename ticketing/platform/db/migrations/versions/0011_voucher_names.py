"""Find names of vouchers without case.

Revision ID: 0011_voucher_names
Revises: 0010_notifications_by_reference
"""

from alembic import op

revision = "0011_voucher_names"
down_revision = "0010_notifications_by_reference"


def upgrade() -> None:
    """Add the index; it is not unique, because sold names may differ only in case."""
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute("CREATE INDEX ix_vouchers_lower_name ON vouchers (lower(name))")


def downgrade() -> None:
    """Drop the index."""
    op.execute("DROP INDEX ix_vouchers_lower_name")
