"""The roles of the embedded server: one that owns the server, and ours, which owns its data only.

A superuser can read every file of the server's user (`pg_read_file`) and run programs; whoever gets
a query into our connection must not. Clusters from before version 0.3 had one role for both.
"""

from collections.abc import Callable
from dataclasses import dataclass

import psycopg
from psycopg.sql import SQL, Identifier, Literal

ROLE, ADMIN_ROLE = "ticketing", "postgres"
AUTHENTICATION_FAILED = "authentication failed"  # also of a role that does not exist
_UPGRADE_ROLE = "ticketing_upgrade"  # no role can rename itself
# everything in schemas of ours that is not a part of something else
_OWNED_OBJECTS = """
SELECT format('ALTER TABLE %s OWNER TO ', c.oid::regclass)
FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace
    AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
    AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid
        AND refobjsubid > 0 AND deptype IN ('a', 'i'))
UNION ALL
SELECT format('ALTER ROUTINE %s OWNER TO ', p.oid::regprocedure)
FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace
UNION ALL
SELECT format('ALTER TYPE %s OWNER TO ', t.oid::regtype)
FROM pg_type t WHERE t.typnamespace = 'public'::regnamespace AND t.typtype IN ('e', 'd')
"""


@dataclass(frozen=True, slots=True)
class RolePasswords:
    """The passwords of both roles."""

    application: str
    admin: str


Connect = Callable[[str, str, str], psycopg.Connection]  # role, password, database


def ensure_roles(connect: Connect, passwords: RolePasswords) -> None:
    """Create our role and database, or take the superuser's rights from the role of an old cluster.

    Safe to repeat after a kill between any two statements.
    """
    with _connect_as_admin(connect, passwords) as connection:
        connection.execute(SQL("DROP ROLE IF EXISTS {}").format(Identifier(_UPGRADE_ROLE)))
        if not _exists(connection, "SELECT 1 FROM pg_roles WHERE rolname = %s"):
            _create_role(connection, passwords)
        if not _exists(connection, "SELECT 1 FROM pg_database WHERE datname = %s"):
            connection.execute(SQL("CREATE DATABASE {0} OWNER {0}").format(Identifier(ROLE)))
        for name in _databases_of_admin(connection):
            with connect(ADMIN_ROLE, passwords.admin, name) as inside:
                _hand_over_objects(inside)
            # last: a killed hand-over begins again
            command = SQL("ALTER DATABASE {} OWNER TO {}")
            connection.execute(command.format(Identifier(name), Identifier(ROLE)))


def _connect_as_admin(connect: Connect, passwords: RolePasswords) -> psycopg.Connection:
    try:
        return connect(ADMIN_ROLE, passwords.admin, "postgres")
    except psycopg.OperationalError as error:
        if AUTHENTICATION_FAILED not in str(error):
            raise
    _split_role(connect, passwords)
    return connect(ADMIN_ROLE, passwords.admin, "postgres")


def _split_role(connect: Connect, passwords: RolePasswords) -> None:
    """Rename the only role of an old cluster, which is its superuser, and create ours anew."""
    with connect(ROLE, passwords.application, "postgres") as connection:
        known = "SELECT 1 FROM pg_roles WHERE rolname = %s"
        verb = "ALTER" if connection.execute(known, [_UPGRADE_ROLE]).fetchone() else "CREATE"
        command = SQL(verb + " ROLE {} SUPERUSER LOGIN PASSWORD {}")
        connection.execute(command.format(Identifier(_UPGRADE_ROLE), Literal(passwords.admin)))
    upgrade = connect(_UPGRADE_ROLE, passwords.admin, "postgres")
    with upgrade as connection, connection.transaction():
        names = {"old": Identifier(ROLE), "new": Identifier(ADMIN_ROLE)}
        connection.execute(SQL("ALTER ROLE {old} RENAME TO {new}").format(**names))
        connection.execute(
            SQL("ALTER ROLE {} PASSWORD {}").format(names["new"], Literal(passwords.admin))
        )
        _create_role(connection, passwords)


def _create_role(connection: psycopg.Connection, passwords: RolePasswords) -> None:
    command = SQL("CREATE ROLE {} LOGIN NOSUPERUSER CREATEDB PASSWORD {}")
    connection.execute(command.format(Identifier(ROLE), Literal(passwords.application)))


def _exists(connection: psycopg.Connection, query: str) -> bool:
    return connection.execute(query.encode(), [ROLE]).fetchone() is not None


def _databases_of_admin(connection: psycopg.Connection) -> list[str]:
    rows = connection.execute(
        "SELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres'"
        " AND datdba = %s::regrole",
        [ADMIN_ROLE],
    )
    return [name for (name,) in rows.fetchall()]


def _hand_over_objects(connection: psycopg.Connection) -> None:
    with connection.transaction():
        for (command,) in connection.execute(_OWNED_OBJECTS).fetchall():
            connection.execute(SQL(command) + Identifier(ROLE))
