"""Tables of hotspot vouchers: routers, packages, vouchers and their history.

A package extends a ticket type, which has its price, limits and stock. A voucher has its key, name
and password before a router is called.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    Interval,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
    true,
)

from ticketing.platform.db.columns import (
    bigint_column,
    foreign_key_column,
    id_column,
    metadata,
    text_column,
    timestamp_column,
)

_VALID_STATES = "state IN ('pending', 'provisioning', 'active', 'revoking', 'removed')"

routers = Table(
    "routers",
    metadata,
    id_column(),
    text_column("name"),
    text_column("host"),
    Column("port", Integer, nullable=False),
    Column("tls", Boolean, nullable=False, server_default=true()),
    text_column("ca_certificate", ""),  # PEM; empty: the CA certificates of the system
    text_column("certificate_fingerprint", ""),  # SHA-256 in hex of the router's own, when pinned
    text_column("username"),
    Column("password_encrypted", LargeBinary, nullable=False),  # by the master secret
    # the circuit breaker: after failures no calls for some time, then one trial call
    bigint_column("failure_count"),  # consecutive
    timestamp_column("failing_since", nullable=True),
    timestamp_column("circuit_open_until", nullable=True),
    text_column("last_error", ""),
    timestamp_column("last_response_at", nullable=True),
    timestamp_column("reconciled_at", nullable=True),
    timestamp_column("removed_at", nullable=True),
    CheckConstraint("name ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND length(name) <= 63", name="name"),
    CheckConstraint("port BETWEEN 1 AND 65535", name="port"),
    CheckConstraint("(failure_count = 0) = (failing_since IS NULL)", name="failing_since"),
    CheckConstraint(
        "certificate_fingerprint ~ '^([0-9a-f]{64})?$'"
        " AND (certificate_fingerprint = '' OR ca_certificate = '')",
        name="certificate",
    ),
    Index("uq_routers_name", "name", unique=True, postgresql_where=text("removed_at IS NULL")),
)

packages = Table(
    "packages",
    metadata,
    Column("ticket_type_id", BigInteger, ForeignKey("ticket_types.id"), primary_key=True),
    Column("code", Text, nullable=False, unique=True),  # packageId of the HTTP API, for example 5k
    foreign_key_column("router_id", "routers.id"),
    text_column("profile"),
    Column("validity", Interval, nullable=False),
    text_column("validity_start", "from_first_use"),
    Column("unused_expiry", Interval, nullable=True),
    Column("online_limit", Interval, nullable=True),
    Column("bytes_limit", BigInteger, nullable=True),
    Column("shared_users", Integer, nullable=False, server_default="1"),
    # the format of generated codes
    text_column("prefix", ""),
    text_column("alphabet"),
    Column("code_length", Integer, nullable=False),
    Column("password_length", Integer, nullable=True),  # NULL: the password is the name
    bigint_column("pool_size"),  # unsold vouchers kept on the router for its outages
    CheckConstraint("validity_start IN ('from_sale', 'from_first_use')", name="validity_start"),
    CheckConstraint("pool_size >= 0", name="pool_size"),
)

vouchers = Table(
    "vouchers",
    metadata,
    id_column(),
    Column("key", Text, nullable=False, unique=True),  # in the router's comment; never reused
    foreign_key_column("ticket_type_id", "packages.ticket_type_id"),
    foreign_key_column("router_id", "routers.id"),
    foreign_key_column("order_line_id", "order_lines.id", nullable=True),  # NULL: in the pool
    Column("number", BigInteger, nullable=True),  # within the line, from 1
    Column("name", Text, nullable=False, unique=True),  # names are never reused
    text_column("password"),
    text_column("state", "pending"),
    timestamp_column("allocated_at"),
    timestamp_column("sold_at", nullable=True),
    timestamp_column("next_attempt_at", nullable=True),  # of provisioning or removal
    bigint_column("attempt_count"),  # failed attempts since the last success
    # reported to staff; attempts continue when the router answers
    timestamp_column("failed_at", nullable=True),
    text_column("last_error", ""),
    timestamp_column("activated_at", nullable=True),
    timestamp_column("first_used_at", nullable=True),
    Column("online_time", Interval, nullable=False, server_default=text("'0'::interval")),
    bigint_column("bytes_used"),
    timestamp_column("expires_at", nullable=True),
    text_column("revoked_reason", ""),  # expired | used up | refunded | reversed | cleaned up
    timestamp_column("removed_at", nullable=True),
    UniqueConstraint("order_line_id", "number"),
    CheckConstraint(_VALID_STATES, name="state"),
    CheckConstraint("(order_line_id IS NULL) = (sold_at IS NULL)", name="sold_at"),
    CheckConstraint("(order_line_id IS NULL) = (number IS NULL)", name="number"),
    CheckConstraint("(state = 'removed') = (removed_at IS NOT NULL)", name="removed_at"),
    CheckConstraint(
        "(revoked_reason = '') = (state NOT IN ('revoking', 'removed'))", name="revoked_reason"
    ),
    # due calls of a router
    Index(
        "ix_vouchers_due",
        "router_id",
        "next_attempt_at",
        "id",
        postgresql_where=text("state IN ('pending', 'provisioning', 'revoking')"),
    ),
    # vouchers to expire
    Index("ix_vouchers_expires_at", "expires_at", postgresql_where=text("state = 'active'")),
    # the pool of a package
    Index(
        "ix_vouchers_pool",
        "ticket_type_id",
        "id",
        postgresql_where=text("order_line_id IS NULL AND state <> 'removed'"),
    ),
    # a router may take names that differ only in case for one
    Index("ix_vouchers_lower_name", func.lower(text("name"))),
    # the expected users of a router; the dashboard's counts
    Index("ix_vouchers_router_id_state", "router_id", "state"),
)

voucher_history = Table(
    "voucher_history",
    metadata,
    id_column(),
    foreign_key_column("voucher_id", "vouchers.id"),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    text_column("state"),
    text_column("reason", ""),
    text_column("actor", ""),
    CheckConstraint(_VALID_STATES, name="state"),
    Index("ix_voucher_history_voucher_id", "voucher_id", "id"),  # history of a voucher
    Index("ix_voucher_history_at", "at"),  # charts of the dashboard
)
