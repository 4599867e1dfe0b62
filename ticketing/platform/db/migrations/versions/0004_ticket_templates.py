"""Let tickets follow the template of their event, number the templates, and allow more incidents.

A ticket with another template than its event keeps it: a request may have chosen it.

Revision ID: 0004_ticket_templates
Revises: 0003_import_requests
"""

from alembic import op
from sqlalchemy import Column, Integer, Text

revision = "0004_ticket_templates"
down_revision = "0003_import_requests"

KINDS = ("run", "check", "webhook", "channel", "router", "roster")


def upgrade() -> None:
    """Replace the template of a ticket by NULL where it is the event's."""
    op.create_table(
        "ticket_templates",
        Column("number", Integer, primary_key=True, autoincrement=False),
        Column("name", Text, nullable=False, unique=True),
    )
    op.alter_column("generated_tickets", "template_id", nullable=True)
    op.execute(
        "UPDATE generated_tickets SET template_id = NULL FROM events"
        " WHERE events.id = generated_tickets.event_id"
        " AND events.template_id = generated_tickets.template_id"
    )
    _set_incident_kinds(*KINDS, "document")


def downgrade() -> None:
    """Give every ticket a template again."""
    op.execute("UPDATE incidents SET kind = 'check' WHERE kind = 'document'")
    _set_incident_kinds(*KINDS)
    op.execute(
        "UPDATE generated_tickets SET template_id = events.template_id FROM events"
        " WHERE events.id = generated_tickets.event_id AND generated_tickets.template_id IS NULL"
    )
    op.alter_column("generated_tickets", "template_id", nullable=False)
    op.drop_table("ticket_templates")


def _set_incident_kinds(*kinds: str) -> None:
    op.drop_constraint(op.f("ck_incidents_kind"), "incidents", type_="check")
    listed = ", ".join(f"'{kind}'" for kind in kinds)
    op.create_check_constraint(op.f("ck_incidents_kind"), "incidents", f"kind IN ({listed})")
