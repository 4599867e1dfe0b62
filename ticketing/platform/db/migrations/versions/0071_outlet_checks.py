"""Close the incidents of voucher checks that had one result for all outlets.

Each outlet has its own result now, which opens an incident of its own if the check still fails.

Revision ID: 0071_outlet_checks
Revises: 0065_checkins
"""

from alembic import op

revision = "0071_outlet_checks"
down_revision = "0065_checkins"


def upgrade() -> None:
    """Close them; without this nothing would, because the checks have no such result any more."""
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute("""
        UPDATE incidents SET resolved_at = greatest(now(), last_seen_at)
        WHERE resolved_at IS NULL AND cause IN (
            'check:paid_vouchers_provisioned:all events', 'check:no_unpaid_vouchers:all events',
            'check:no_stuck_vouchers:all events', 'check:voucher_codes_delivered:all events')
    """)


def downgrade() -> None:
    """Change nothing; checks that fail open their incidents again."""
