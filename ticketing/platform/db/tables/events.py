"""Tables of events and their signing keys."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    Table,
    Text,
    Uuid,
    func,
)

from ticketing.platform.db.columns import identity, instant, words, written_at
from ticketing.platform.db.tables.metadata import metadata

events = Table(
    "events",
    metadata,
    identity(),
    Column("uid", Uuid, nullable=False, unique=True, server_default=func.gen_random_uuid()),
    Column("slug", Text, nullable=False, unique=True),
    words("name"),
    instant("starts_at"),
    instant("ends_at"),
    words("time_zone"),
    words("locale"),
    words("venue"),
    words("region"),
    words("template_id", "classic"),
    Column("key_generation", Integer, nullable=False, server_default="1"),
    written_at("created_at"),
    written_at("updated_at"),
    CheckConstraint("slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND length(slug) <= 63", name="slug"),
    CheckConstraint("ends_at >= starts_at", name="ends_after_start"),
    CheckConstraint("key_generation BETWEEN 1 AND 255", name="key_generation"),
)


event_keys = Table(
    "event_keys",
    metadata,
    Column("event_id", BigInteger, ForeignKey("events.id"), primary_key=True),
    Column("generation", Integer, primary_key=True),
    Column("public_key", LargeBinary, nullable=False),
    written_at("created_at"),
    instant("retired_at", nullable=True),
    CheckConstraint("octet_length(public_key) = 32", name="public_key"),
)
