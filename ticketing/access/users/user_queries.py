"""Rows of users."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from sqlalchemy import Connection, RowMapping, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from ticketing.access.caller import Role
from ticketing.access.users.user import UnknownUser, User
from ticketing.platform.db.columns import columns_of
from ticketing.platform.db.tables.access import users
from ticketing.platform.db.tables.events import events

_COLUMNS = columns_of(User, users)


def _user_from_row(row: RowMapping) -> User:
    return User(**{**row, "role": Role(row["role"])})


def insert_user(connection: Connection, values: Mapping[str, object]) -> User | None:
    """Store a user; return None if the name or the e-mail address is taken."""
    query = insert(users).values(values).on_conflict_do_nothing().returning(*_COLUMNS)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else _user_from_row(row)


def find_by_login(connection: Connection, login: str) -> User | None:
    """Return the user with this name or e-mail address, disabled ones included."""
    query = select(*_COLUMNS).where(or_(users.c.name == login, users.c.email == login))
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else _user_from_row(row)


def get_user(connection: Connection, name: str) -> User:
    """Return the user with this name or e-mail address. Raises UnknownUser."""
    user = find_by_login(connection, name)
    if user is None:
        raise UnknownUser(f"no user {name!r}; see `ticketing users list`")
    return user


def list_users(connection: Connection) -> Sequence[User]:
    """Return all users, disabled ones included, by name."""
    rows = connection.execute(select(*_COLUMNS).order_by(users.c.name)).mappings()
    return [_user_from_row(row) for row in rows]


def has_users(connection: Connection) -> bool:
    """Return whether anybody was ever created."""
    return connection.execute(select(func.count()).select_from(users)).scalar_one() > 0


def email_is_taken(connection: Connection, email: str, *, by_other_than: int) -> bool:
    """Return whether another user has this e-mail address."""
    query = select(users.c.id).where(users.c.email == email, users.c.id != by_other_than)
    return connection.execute(query).first() is not None


def update_user(connection: Connection, user_id: int, values: Mapping[str, object]) -> None:
    """Change columns of a user."""
    connection.execute(update(users).where(users.c.id == user_id).values(values))


class Restricted(Protocol):
    """A user or an API key that may be restricted to events."""

    @property
    def id(self) -> int:
        """Number of the row."""
        ...

    @property
    def event_ids(self) -> Sequence[int] | None:
        """Ids of events; None is no restriction."""
        ...


def slugs_of_events(
    connection: Connection, restricted: Iterable[Restricted]
) -> dict[int, list[str]]:
    """Return by id of a user or key the slugs of its events; none for those without restriction."""
    ids = {one.id: one.event_ids for one in restricted if one.event_ids is not None}
    wanted = {event_id for some in ids.values() for event_id in some}
    query = select(events.c.id, events.c.slug).where(events.c.id.in_(wanted))
    known = {row.id: row.slug for row in connection.execute(query)}
    return {key: [known[one] for one in some if one in known] for key, some in ids.items()}
