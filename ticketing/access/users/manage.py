"""Create and change users. Whatever takes a right away ends the user's sessions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from ticketing.access.caller import Role
from ticketing.access.sessions import session_queries
from ticketing.access.users import user_queries
from ticketing.access.users.passwords import hash_password
from ticketing.access.users.throttle import ThrottleKind, ThrottleSubject
from ticketing.access.users.throttle_queries import forgive_attempt
from ticketing.access.users.user import (
    UnusableUser,
    User,
    UserExists,
    parse_email,
    parse_name,
    parse_password,
)
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database


@dataclass(frozen=True, slots=True)
class NewUser:
    """A user to create. `event_ids` None is no restriction."""

    name: str
    role: Role
    email: str = ""
    event_ids: Sequence[int] | None = None


@dataclass(frozen=True, slots=True)
class UserChanges:
    """Changes of a user; None leaves a value as it is."""

    role: Role | None = None
    email: str | None = None
    event_ids: Sequence[int] | None = None
    all_events: bool = False

    def columns(self) -> dict[str, object]:
        """Return the changed columns."""
        changed: dict[str, object] = {}
        if self.role is not None:
            require_role_of_users(self.role)
            changed["role"] = self.role
        if self.email is not None:
            changed["email"] = parse_email(self.email)
        if self.all_events or self.event_ids is not None:
            changed["event_ids"] = None if self.all_events else self.event_ids
        return changed


def require_role_of_users(role: Role) -> None:
    """Refuse the role of gates: a phone at an entrance has a key, and signs in nowhere."""
    if role is Role.GATE:
        roles = ", ".join(one for one in Role if one is not Role.GATE)
        raise UnusableUser(
            f"the role {role} is for phones paired with `ticketing checkin pair`; users are {roles}"
        )


def create_user(database: Database, new: NewUser, password: str, *, by: str) -> User:
    """Create a user. Raises UnusableUser and UserExists."""
    require_role_of_users(new.role)
    name, email = parse_name(new.name), parse_email(new.email)
    values = {
        "name": name, "email": email, "role": new.role, "event_ids": new.event_ids,
        "password_hash": hash_password(parse_password(password, name)), "created_by": by,
    }  # fmt: skip
    with database.transaction() as connection:
        user = user_queries.insert_user(connection, values)
        if user is None:
            raise UserExists(f"a user has the name {name!r} or the e-mail {email!r} already")
        _record(connection, by, "user created", name, role=new.role, events=new.event_ids)
    return user


def update_user(
    database: Database, name: str, changes: UserChanges, *, by: str, at: datetime
) -> User:
    """Change role, e-mail address or events; the sessions of the user end."""
    columns = changes.columns()
    with database.transaction() as connection:
        user = user_queries.get_user(connection, name)
        email = columns.get("email")
        if email and user_queries.email_is_taken(connection, str(email), by_other_than=user.id):
            raise UserExists(f"another user has the e-mail {email!r}")
        if columns:
            user_queries.update_user(connection, user.id, columns)
            session_queries.end_sessions_of_user(connection, user.id, at=at)
            _record(connection, by, "user changed", user.name, **columns)
        return user_queries.get_user(connection, user.name)


def set_disabled(database: Database, name: str, *, disabled: bool, by: str, at: datetime) -> User:
    """Disable a user and end the sessions, or enable the user again."""
    with database.transaction() as connection:
        user = user_queries.get_user(connection, name)
        if disabled != (user.disabled_at is not None):
            values = {"disabled_at": at if disabled else None}
            user_queries.update_user(connection, user.id, values)
            session_queries.end_sessions_of_user(connection, user.id, at=at)
            _record(connection, by, "user disabled" if disabled else "user enabled", user.name)
        return user_queries.get_user(connection, user.name)


def reset_password(database: Database, name: str, password: str, *, by: str, at: datetime) -> int:
    """Replace the password, end the sessions and return how many; failed attempts are forgotten."""
    with database.transaction() as connection:
        user = user_queries.get_user(connection, name)
        hashed = hash_password(parse_password(password, user.name))
        user_queries.update_user(connection, user.id, {"password_hash": hashed})
        logins = [login for login in (user.name, user.email) if login]
        forgive_attempt(
            connection, [ThrottleSubject(ThrottleKind.ACCOUNT, login) for login in logins]
        )
        ended = session_queries.end_sessions_of_user(connection, user.id, at=at)
        _record(connection, by, "password reset", user.name, sessions=ended)
    return ended


def end_sessions(database: Database, name: str, *, by: str, at: datetime) -> int:
    """Sign a user out everywhere and return how many sessions ended."""
    with database.transaction() as connection:
        user = user_queries.get_user(connection, name)
        ended = session_queries.end_sessions_of_user(connection, user.id, at=at)
        _record(connection, by, "sessions ended", user.name, sessions=ended)
    return ended


def _record(connection: Connection, by: str, action: str, name: str, **details: object) -> None:
    audit_log.record(connection, by, action, subject=name, details=details)
