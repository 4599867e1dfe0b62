"""Tables of operations: incidents and the audit log."""

from sqlalchemy import CheckConstraint, Index, Table, text

from ticketing.platform.db.columns import (
    _event,
    amount,
    document,
    identity,
    instant,
    words,
    written_at,
)
from ticketing.platform.db.tables.metadata import metadata

incidents = Table(
    "incidents",
    metadata,
    identity(),
    words("cause"),  # one open line per cause, however often it happens
    words("kind"),  # run | check | hook | channel | router
    _event(nullable=True),
    words("message"),
    amount("occurrences"),
    words("last_run_id", nullable=True),
    instant("first_seen_at"),
    instant("last_seen_at"),
    instant("resolved_at", nullable=True),
    instant("told_at", nullable=True),  # to a person
    CheckConstraint("kind IN ('run', 'check', 'hook', 'channel', 'router')", name="kind"),
    Index(
        "uq_incidents_open_cause",
        "cause",
        unique=True,
        postgresql_where=text("resolved_at IS NULL"),
    ),
)


audit_log = Table(
    "audit_log",
    metadata,
    identity(),
    written_at("at"),
    words("actor"),
    words("action"),
    _event(nullable=True),
    words("subject", ""),
    amount("items"),
    document("details"),
    Index("ix_audit_log_event_id_id", "event_id", "id"),  # the story of an event
)
