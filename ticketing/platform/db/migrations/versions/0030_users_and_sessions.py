"""Store users, their sessions, and failed attempts to sign in.

Revision ID: 0030_users_and_sessions
Revises: 0028_order_locale
"""

from alembic import op

revision = "0030_users_and_sessions"
down_revision = "0028_order_locale"

_UPGRADE = """
CREATE TABLE users (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    name TEXT NOT NULL,
    email TEXT,
    password_hash TEXT NOT NULL,
    role TEXT NOT NULL,
    event_ids BIGINT[],
    created_by TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    disabled_at TIMESTAMPTZ,
    last_sign_in_at TIMESTAMPTZ,
    CONSTRAINT pk_users PRIMARY KEY (id),
    CONSTRAINT uq_users_name UNIQUE (name),
    CONSTRAINT uq_users_email UNIQUE (email),
    CONSTRAINT ck_users_role CHECK (role IN ('viewer', 'operator', 'admin')),
    CONSTRAINT ck_users_name CHECK (name ~ '^[a-z0-9][a-z0-9._-]{1,62}$'),
    CONSTRAINT ck_users_email CHECK (email = lower(email) AND email LIKE '%@%')
);
CREATE TABLE sessions (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    token_sha256 BYTEA NOT NULL,
    user_id BIGINT NOT NULL,
    address TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    last_used_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    ended_at TIMESTAMPTZ,
    CONSTRAINT pk_sessions PRIMARY KEY (id),
    CONSTRAINT uq_sessions_token_sha256 UNIQUE (token_sha256),
    CONSTRAINT fk_sessions_user_id FOREIGN KEY (user_id) REFERENCES users (id),
    CONSTRAINT ck_sessions_token_sha256 CHECK (octet_length(token_sha256) = 32)
);
CREATE INDEX ix_sessions_user_id ON sessions (user_id);
CREATE INDEX ix_sessions_expires_at ON sessions (expires_at);
CREATE TABLE sign_in_throttles (
    subject TEXT NOT NULL,
    failures INTEGER NOT NULL,
    failed_at TIMESTAMPTZ NOT NULL,
    locked_until TIMESTAMPTZ,
    CONSTRAINT pk_sign_in_throttles PRIMARY KEY (subject)
);
CREATE INDEX ix_sign_in_throttles_failed_at ON sign_in_throttles (failed_at);
"""


def upgrade() -> None:
    """Add the tables."""
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute(_UPGRADE)


def downgrade() -> None:
    """Remove users and sessions; the audit log keeps what they did."""
    op.execute("DROP TABLE sign_in_throttles, sessions, users")
