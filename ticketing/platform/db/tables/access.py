"""Tables of access to the HTTP API: API keys, and responses stored by idempotency key."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
)

from ticketing.platform.db.columns import created_at_column, id_column, metadata, timestamp_column

api_keys = Table(
    "api_keys",
    metadata,
    id_column(),
    Column("name", Text, nullable=False, unique=True),
    Column("key_sha256", LargeBinary, nullable=False, unique=True),  # the key is not stored
    Column("role", Text, nullable=False),
    Column("created_by", Text, nullable=False),
    created_at_column("created_at"),
    timestamp_column("revoked_at", nullable=True),
    CheckConstraint("octet_length(key_sha256) = 32", name="key_sha256"),
    CheckConstraint("role IN ('viewer', 'operator', 'admin')", name="role"),
    CheckConstraint("name <> ''", name="name"),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("api_key_id", BigInteger, ForeignKey("api_keys.id"), primary_key=True),
    Column("key", Text, primary_key=True),
    Column("request_sha256", LargeBinary, nullable=False),  # of method, path and body
    Column("response_status", Integer, nullable=False),
    Column("response_body", LargeBinary, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Index("ix_idempotency_keys_created_at", "created_at"),  # retention of a day
)
