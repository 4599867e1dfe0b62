"""The table of closing reports: the signed files, chained per event by their hashes."""

from sqlalchemy import CheckConstraint, Column, Integer, LargeBinary, Table, UniqueConstraint

from ticketing.platform.db.columns import (
    event_id_column,
    id_column,
    metadata,
    text_column,
    timestamp_column,
)

closing_reports = Table(
    "closing_reports",
    metadata,
    id_column(),
    event_id_column(),
    Column("number", Integer, nullable=False),  # from 1, per event
    text_column("sha256"),  # of the file
    Column("file", LargeBinary, nullable=False),  # so that a lost file can be written again
    timestamp_column("created_at"),
    text_column("created_by"),
    UniqueConstraint("event_id", "number"),
    CheckConstraint("number > 0", name="number"),
    CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name="sha256"),
)
