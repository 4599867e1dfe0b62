"""Store the text of a router's CA certificate, or the fingerprint of its own certificate.

The path of a file was stored, which another host or a container does not have.

Revision ID: 0074_router_certificates
Revises: 0076_unacknowledged_messages
"""

import sys
from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0074_router_certificates"
down_revision = "0076_unacknowledged_messages"

ROUTERS = sa.table(
    "routers",
    sa.column("id"),
    sa.column("name"),
    sa.column("ca_certificate"),
    sa.column("ca_certificate_path"),
)


def upgrade() -> None:
    """Read the files; a router whose file is gone is refused until its certificate is given."""
    op.execute("SET LOCAL lock_timeout = '10s'")
    for name in ("ca_certificate", "certificate_fingerprint"):
        column = sa.Column(name, sa.Text, nullable=False, server_default="")
        op.add_column("routers", column)
    connection = op.get_bind()
    stored = sa.select(ROUTERS).where(ROUTERS.c.ca_certificate_path != "")
    for router in connection.execute(stored).all():
        text = _read(Path(router.ca_certificate_path), router.name)
        changed = sa.update(ROUTERS).where(ROUTERS.c.id == router.id).values(ca_certificate=text)
        connection.execute(changed)
    op.drop_column("routers", "ca_certificate_path")
    op.create_check_constraint(
        "certificate", "routers",
        "certificate_fingerprint ~ '^([0-9a-f]{64})?$'"
        " AND (certificate_fingerprint = '' OR ca_certificate = '')",
    )  # fmt: skip


def downgrade() -> None:
    """Forget the certificates; files are given again with `ticketing routers update`."""
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.drop_constraint("certificate", "routers")
    op.drop_column("routers", "certificate_fingerprint")
    op.drop_column("routers", "ca_certificate")
    column = sa.Column("ca_certificate_path", sa.Text, nullable=False, server_default="")
    op.add_column("routers", column)


def _read(path: Path, router: str) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        sys.stderr.write(
            f"router {router}: {path} cannot be read ({error}); give it again with"
            f" `ticketing routers update {router} --authority FILE`\n"
        )
        return ""
