"""Table of the sending rules of campaigns."""

from sqlalchemy import CheckConstraint, Column, Index, Integer, Table

from ticketing.platform.db.columns import (
    bigint_column,
    event_id_column,
    id_column,
    metadata,
    text_column,
    timestamp_column,
)

campaign_rules = Table(
    "campaign_rules",
    metadata,
    id_column(),
    event_id_column(),
    # one of these three
    Column("days_before", Integer, nullable=True),  # days on the venue's calendar
    Column("hours_before", Integer, nullable=True),
    timestamp_column("send_at", nullable=True),
    text_column("audience"),
    text_column("channels"),  # with commas, the preferred one first
    text_column("message"),  # the name of its template
    text_column("created_by"),
    timestamp_column("created_at"),
    timestamp_column("disabled_at", nullable=True),
    timestamp_column("applied_at", nullable=True),
    bigint_column("ticket_count"),  # tickets that it was sent for
    CheckConstraint("num_nonnulls(days_before, hours_before, send_at) = 1", name="time"),
    CheckConstraint("days_before >= 0 AND hours_before >= 0", name="before"),
    CheckConstraint("audience IN ('all', 'unopened', 'undelivered')", name="audience"),
    Index("ix_campaign_rules_event_id", "event_id"),
)
