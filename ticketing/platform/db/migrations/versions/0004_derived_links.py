"""Holders' links carry the token id and its proof: nothing of them is stored any more.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Apply."""
    op.drop_column("generated_tickets", "magic_link_hash")


def downgrade() -> None:
    """Take back; a hash has to stand there, but links sent so far will lead nowhere."""
    op.add_column("generated_tickets", sa.Column("magic_link_hash", sa.LargeBinary()))
    op.execute("UPDATE generated_tickets SET magic_link_hash = sha256(token_id)")
    op.alter_column("generated_tickets", "magic_link_hash", nullable=False)
    op.create_check_constraint(
        op.f("ck_generated_tickets_magic_link_hash"),
        "generated_tickets",
        "octet_length(magic_link_hash) = 32",
    )
    op.create_unique_constraint(
        op.f("uq_generated_tickets_magic_link_hash"), "generated_tickets", ["magic_link_hash"]
    )
