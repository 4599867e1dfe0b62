"""Tables of access: API keys, users, sessions, and responses stored by idempotency key."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
)

from ticketing.platform.db.columns import (
    created_at_column,
    foreign_key_column,
    id_column,
    metadata,
    text_column,
    timestamp_column,
)


def _event_ids_column() -> Column[list[int]]:
    """Return the events that a caller is restricted to; NULL is no restriction.

    An array, because the last row removed from a table of pairs would lift the restriction.
    """
    return Column("event_ids", ARRAY(BigInteger), nullable=True)


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
    timestamp_column("expires_at", nullable=True),
    timestamp_column("last_used_at", nullable=True),  # to the minute
    _event_ids_column(),
    Column("previous_sha256", LargeBinary, nullable=True, unique=True),  # before the rotation
    timestamp_column("previous_expires_at", nullable=True),
    CheckConstraint("octet_length(key_sha256) = 32", name="key_sha256"),
    CheckConstraint("role IN ('gate', 'viewer', 'operator', 'admin')", name="role"),
    CheckConstraint("name <> ''", name="name"),
    CheckConstraint("num_nonnulls(previous_sha256, previous_expires_at) <> 1", name="previous"),
)

users = Table(
    "users",
    metadata,
    id_column(),
    Column("name", Text, nullable=False, unique=True),
    Column("email", Text, nullable=True, unique=True),
    Column("password_hash", Text, nullable=False),  # Argon2id with its parameters
    Column("role", Text, nullable=False),
    _event_ids_column(),
    Column("created_by", Text, nullable=False),
    created_at_column("created_at"),
    timestamp_column("disabled_at", nullable=True),
    timestamp_column("last_sign_in_at", nullable=True),
    CheckConstraint("role IN ('viewer', 'operator', 'admin')", name="role"),
    # so that a name is never somebody else's e-mail address
    CheckConstraint("name ~ '^[a-z0-9][a-z0-9._-]{1,62}$'", name="name"),
    CheckConstraint("email = lower(email) AND email LIKE '%@%'", name="email"),
)

sessions = Table(
    "sessions",
    metadata,
    id_column(),
    Column("token_sha256", LargeBinary, nullable=False, unique=True),  # the token is not stored
    foreign_key_column("user_id", "users.id"),
    text_column("address"),  # of the sign-in
    timestamp_column("created_at"),
    timestamp_column("last_used_at"),  # to the minute
    timestamp_column("expires_at"),  # however often it is used
    timestamp_column("ended_at", nullable=True),
    CheckConstraint("octet_length(token_sha256) = 32", name="token_sha256"),
    Index("ix_sessions_user_id", "user_id"),
    Index("ix_sessions_expires_at", "expires_at"),
)

sign_in_throttles = Table(
    "sign_in_throttles",
    metadata,
    Column("subject", Text, primary_key=True),  # SHA-256 of what was typed, or a network
    Column("failures", Integer, nullable=False),
    timestamp_column("failed_at"),
    timestamp_column("locked_until", nullable=True),
    Index("ix_sign_in_throttles_failed_at", "failed_at"),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("caller", Text, primary_key=True),  # api:1 or user:1
    Column("key", Text, primary_key=True),
    Column("request_sha256", LargeBinary, nullable=False),  # of method, path and body
    Column("response_status", Integer, nullable=False),
    Column("response_body", LargeBinary, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Index("ix_idempotency_keys_created_at", "created_at"),  # retention of a day
)
