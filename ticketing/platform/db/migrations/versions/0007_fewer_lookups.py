"""An entitlement's ticket type is one of its event's; two foreign keys fewer to look up.

Revision ID: 0007
Revises: 0006
"""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Apply."""
    op.create_unique_constraint(
        op.f("uq_ticket_types_event_id_id"), "ticket_types", ["event_id", "id"]
    )
    op.create_foreign_key(
        "fk_attendees_ticket_type",
        "attendees",
        "ticket_types",
        ["event_id", "ticket_type_id"],
        ["event_id", "id"],
    )
    op.drop_constraint(op.f("fk_attendees_ticket_type_id"), "attendees", type_="foreignkey")
    op.drop_constraint(op.f("fk_attendees_event_id"), "attendees", type_="foreignkey")
    op.drop_constraint(op.f("fk_people_event_id"), "people", type_="foreignkey")


def downgrade() -> None:
    """Take back."""
    op.create_foreign_key(op.f("fk_people_event_id"), "people", "events", ["event_id"], ["id"])
    op.create_foreign_key(
        op.f("fk_attendees_event_id"), "attendees", "events", ["event_id"], ["id"]
    )
    op.create_foreign_key(
        op.f("fk_attendees_ticket_type_id"),
        "attendees",
        "ticket_types",
        ["ticket_type_id"],
        ["id"],
    )
    op.drop_constraint("fk_attendees_ticket_type", "attendees", type_="foreignkey")
    op.drop_constraint(op.f("uq_ticket_types_event_id_id"), "ticket_types", type_="unique")
