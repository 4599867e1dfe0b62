"""Who is told of entries in the books: adding them, trying them, telling them again."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from ticketing.crypto.keyring import KeyRing
from ticketing.events.model import Event
from ticketing.platform.db import audit_log, incidents
from ticketing.platform.db.database import Database
from ticketing.webhooks import endpoint_queries
from ticketing.webhooks.call_queries import Call, calls_of, tell_since, wait_again
from ticketing.webhooks.model import (
    Answer,
    CallState,
    Endpoint,
    UnusableHook,
    checked_url,
    headers,
    kinds_named,
    secret_text,
    trial_message,
)
from ticketing.webhooks.send import Post, cause_of


@dataclass(frozen=True, slots=True)
class NewEndpoint:
    """An endpoint just added. `secret` is shown this once; it is derived and kept nowhere."""

    endpoint: Endpoint
    secret: str = field(repr=False)


def add_hook(
    database: Database,
    keys: KeyRing,
    *,
    name: str,
    url: str,
    kinds: Collection[str] = (),
    event: Event | None = None,
    rehearsal: bool,
    at: datetime,
    by: str,
) -> NewEndpoint:
    """Tell this address of every entry of these kinds from now on; all kinds for none named."""
    if not name.strip() or not name.isprintable():
        raise UnusableHook(f"{name!r} is no name for a webhook: write whose it is")
    wanted = kinds_named(kinds)
    address = checked_url(url, rehearsal=rehearsal)
    with database.transaction() as connection:
        added = endpoint_queries.add(
            connection, name=name, url=address, kinds=wanted, event_id=event.id if event else None,
            by=by, at=at,
        )  # fmt: skip
        if added is None:
            raise UnusableHook(f"a webhook called {name!r} exists; choose another name")
        _record(connection, added, "hooks.add", by=by, kinds=list(wanted))
    return NewEndpoint(added, secret_text(keys.hook_secret(added.uid)))


def remove_hook(database: Database, name: str, *, at: datetime, by: str) -> int:
    """Tell it nothing any more; how many calls were waiting."""
    with database.transaction() as connection:
        endpoint = _found(connection, name)
        waiting = endpoint_queries.remove(connection, endpoint, at=at)
        incidents.resolve(connection, cause_of(name), at=at)
        _record(connection, endpoint, "hooks.remove", by=by, waiting=waiting)
    return waiting


def enable_hook(database: Database, name: str, *, at: datetime, by: str) -> Endpoint:
    """Tell it again after it was switched off; what waited goes out, what was booked since not."""
    with database.transaction() as connection:
        endpoint = _found(connection, name)
        endpoint_queries.enable(connection, endpoint.id)
        incidents.resolve(connection, cause_of(name), at=at)
        _record(connection, endpoint, "hooks.enable", by=by)
        return _found(connection, name)


def try_hook(database: Database, client: Post, keys: KeyRing, name: str, *, at: datetime) -> Answer:
    """Send a message about nothing; no log keeps it."""
    with database.transaction() as connection:
        endpoint = _found(connection, name)
    sent = trial_message(endpoint.uid, at=at)
    secret = keys.hook_secret(endpoint.uid)
    return client.post(endpoint.url, sent.body, headers(sent, secret, at=at))


def resend_calls(
    database: Database,
    name: str,
    *,
    call_id: int | None = None,
    since: datetime | None = None,
    at: datetime,
    by: str,
) -> int:
    """Let calls go out again: one, all booked since, or all that have not arrived. How many."""
    with database.transaction() as connection:
        endpoint = _found(connection, name)
        if since is not None:
            again = tell_since(connection, endpoint, since=since, at=at)
        else:
            again = wait_again(connection, endpoint, call_id=call_id, at=at)
        _record(connection, endpoint, "hooks.resend", by=by, calls=again)
    return again


def all_hooks(database: Database) -> list[Endpoint]:
    """Every endpoint."""
    with database.transaction() as connection:
        return endpoint_queries.everyone(connection)


def hook_calls(
    database: Database, name: str, *, state: CallState | None = None, limit: int
) -> list[Call]:
    """The log of an endpoint's calls, the newest first."""
    with database.transaction() as connection:
        return calls_of(connection, _found(connection, name), state=state, limit=limit)


def _found(connection: Connection, name: str) -> Endpoint:
    endpoint = endpoint_queries.find(connection, name)
    if endpoint is None:
        raise UnusableHook(f"there is no webhook {name!r}; `ticketing hooks list`")
    return endpoint


def _record(
    connection: Connection, endpoint: Endpoint, action: str, *, by: str, **details: object
) -> None:
    audit_log.record(connection, actor=by, action=action, subject=endpoint.name, details=details)
