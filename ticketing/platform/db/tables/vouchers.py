"""Hotspot vouchers: routers, what is sold on them, and every voucher with its story.

A package is what a ticket type is on sale with: its price, limits and stock stand there. A voucher
has its row, key, name and password before a router hears of it.
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
    text_column,
    timestamp_column,
)
from ticketing.platform.db.tables.metadata import metadata

_VALID_STATES = "state IN ('owed', 'asked', 'present', 'ending', 'gone')"

routers = Table(
    "routers",
    metadata,
    id_column(),
    text_column("name"),
    text_column("host"),
    Column("port", Integer, nullable=False),
    Column("tls", Boolean, nullable=False, server_default=true()),
    text_column(
        "authority", ""
    ),  # file of the certificate that signed the router's; empty: the system's
    text_column("username"),
    Column("sealed_password", LargeBinary, nullable=False),  # only the master secret opens it
    # the circuit breaker: after failures the router rests, then one look tells
    bigint_column("failures"),  # in a row
    timestamp_column("failing_since", nullable=True),
    timestamp_column("rests_until", nullable=True),
    text_column("last_error", ""),
    timestamp_column("answered_at", nullable=True),
    timestamp_column("compared_at", nullable=True),  # its rows with ours
    timestamp_column("removed_at", nullable=True),
    CheckConstraint("name ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND length(name) <= 63", name="name"),
    CheckConstraint("port BETWEEN 1 AND 65535", name="port"),
    CheckConstraint("(failures = 0) = (failing_since IS NULL)", name="failing_since"),
    Index("uq_routers_name", "name", unique=True, postgresql_where=text("removed_at IS NULL")),
)

packages = Table(
    "packages",
    metadata,
    Column("ticket_type_id", BigInteger, ForeignKey("ticket_types.id"), primary_key=True),
    Column("code", Text, nullable=False, unique=True),  # what a buyer's page asks for: 5k
    foreign_key_column("router_id", "routers.id"),
    text_column("profile"),
    Column("validity", Interval, nullable=False),
    text_column("counting", "from_first_use"),
    Column("unused_for", Interval, nullable=True),
    Column("online_limit", Interval, nullable=True),
    Column("bytes_limit", BigInteger, nullable=True),
    Column("shared_users", Integer, nullable=False, server_default="1"),
    # how its codes are drawn
    text_column("prefix", ""),
    text_column("alphabet"),
    Column("code_length", Integer, nullable=False),
    Column("password_length", Integer, nullable=True),  # none: the password is the name
    bigint_column("made_ahead"),  # so many are kept on the router for when it cannot be reached
    CheckConstraint("counting IN ('from_sale', 'from_first_use')", name="counting"),
    CheckConstraint("made_ahead >= 0", name="made_ahead"),
)

vouchers = Table(
    "vouchers",
    metadata,
    id_column(),
    Column("key", Text, nullable=False, unique=True),  # in the router's comment; never used again
    foreign_key_column("ticket_type_id", "packages.ticket_type_id"),
    foreign_key_column("router_id", "routers.id"),
    foreign_key_column(
        "order_line_id", "order_lines.id", nullable=True
    ),  # none: made ahead, nobody's yet
    Column("number", BigInteger, nullable=True),  # in its line, from 1
    Column("name", Text, nullable=False, unique=True),  # one that was ours once is not drawn again
    text_column("password"),
    text_column("state", "owed"),
    timestamp_column("owed_at"),
    timestamp_column("sold_at", nullable=True),
    timestamp_column(
        "next_try", nullable=True
    ),  # when a router is to be asked about it; none: not at all
    bigint_column("tries"),  # in vain, since it last went well
    timestamp_column(
        "gave_up_at", nullable=True
    ),  # a person was told; it goes on when the router answers
    text_column("last_error", ""),
    timestamp_column("present_at", nullable=True),
    timestamp_column("first_used_at", nullable=True),
    Column("online", Interval, nullable=False, server_default=text("'0'::interval")),
    bigint_column("bytes_used"),
    timestamp_column("ends_at", nullable=True),
    text_column("ending_why", ""),  # expired | used up | refunded | reversed | cleaned up
    timestamp_column("gone_at", nullable=True),
    UniqueConstraint("order_line_id", "number"),
    CheckConstraint(_VALID_STATES, name="state"),
    CheckConstraint("(order_line_id IS NULL) = (sold_at IS NULL)", name="sold_at"),
    CheckConstraint("(order_line_id IS NULL) = (number IS NULL)", name="number"),
    CheckConstraint("(state = 'gone') = (gone_at IS NOT NULL)", name="gone_at"),
    CheckConstraint("(ending_why = '') = (state NOT IN ('ending', 'gone'))", name="ending_why"),
    # what a router is to be asked
    Index(
        "ix_vouchers_due",
        "router_id",
        "next_try",
        "id",
        postgresql_where=text("state IN ('owed', 'asked', 'ending')"),
    ),
    # whose time is over
    Index("ix_vouchers_ends_at", "ends_at", postgresql_where=text("state = 'present'")),
    # stock of a package that nobody bought yet
    Index(
        "ix_vouchers_made_ahead",
        "ticket_type_id",
        "id",
        postgresql_where=text("order_line_id IS NULL AND state <> 'gone'"),
    ),
    # what ought to be on a router; the dashboard's counts
    Index("ix_vouchers_router_id_state", "router_id", "state"),
)

voucher_history = Table(
    "voucher_history",
    metadata,
    id_column(),
    foreign_key_column("voucher_id", "vouchers.id"),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    text_column("state"),
    text_column("why", ""),
    text_column("actor", ""),
    CheckConstraint(_VALID_STATES, name="state"),
    Index("ix_voucher_history_voucher_id", "voucher_id", "id"),  # its story
    Index("ix_voucher_history_at", "at"),  # trends
)
