"""Create the schema from the scripts in the folder `baseline`, one per capability, in order.

The scripts are frozen: a change of the schema is a new migration.

Revision ID: 0001_baseline
Revises: nothing
"""

from pathlib import Path

from alembic import op

revision = "0001_baseline"
down_revision = None

SCRIPTS_FOLDER = Path(__file__).parents[1] / "baseline"


def upgrade() -> None:
    """Create tables, indexes, functions, triggers and the view."""
    for script in sorted(SCRIPTS_FOLDER.glob("*.sql")):
        op.execute(script.read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refuse: there is nothing before the baseline."""
    raise NotImplementedError("the baseline cannot be reverted; drop the database instead")
