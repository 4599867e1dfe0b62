"""API keys: create, replace the secret, revoke. A secret is shown once."""

from datetime import timedelta

from fastapi import Response

from ticketing.access.authentication import Admin
from ticketing.access.caller import Role
from ticketing.access.keys import key_queries
from ticketing.access.keys.key_queries import UnusableKey
from ticketing.access.signed_in_pages import signed_in_pages_router
from ticketing.access.users import user_queries
from ticketing.console.html import PageDependency, redirect
from ticketing.console.system.confirmation import ConfirmedForm
from ticketing.console.system.users_page import ROLES, read_event_ids, read_role, show_secret
from ticketing.platform.http.services import now

KEYS_PATH = "/console/keys"
OVERLAP = timedelta(hours=24)  # the old secret of a rotation; as on the command line
MAX_DAYS = 3650

router = signed_in_pages_router(KEYS_PATH, include_in_schema=False)


@router.get("")
def show_keys(page: PageDependency, caller: Admin) -> Response:
    """Return all keys but those of gates, which the pages of their events list."""
    with page.services.database.transaction() as connection:
        keys = [one for one in key_queries.list_all(connection) if one.role is not Role.GATE]
        slugs = user_queries.slugs_of_events(connection, keys)
    return page.render(
        "keys.html.j2", caller, keys=keys, slugs=slugs, roles=ROLES, at=now(),
        overlap=int(OVERLAP / timedelta(hours=1)),
    )  # fmt: skip


@router.post("")
def create(page: PageDependency, caller: Admin, fields: ConfirmedForm) -> Response:
    """Create a key for a program."""
    database, days = page.services.database, fields.get("days", "").strip()
    if days and not (days.isdecimal() and 1 <= int(days) <= MAX_DAYS):
        raise UnusableKey(f"days: {days!r} is no number from 1 to {MAX_DAYS}")
    new = key_queries.add_key(
        database, name=fields.get("name", "").strip(), role=read_role(fields), by=caller.actor,
        expires_at=now() + timedelta(days=int(days)) if days else None,
        event_ids=read_event_ids(database, fields.get("events", "")),
    )  # fmt: skip
    return show_secret(page, caller, new.key.name, new.secret, back=KEYS_PATH)


@router.post("/change")
def change(page: PageDependency, caller: Admin, fields: ConfirmedForm) -> Response:
    """Give a key a new secret, or revoke it."""
    database, name = page.services.database, fields.get("name", "")
    if fields.get("answer") == "revoke":
        key_queries.revoke_key(database, name=name, by=caller.actor)
        return redirect(KEYS_PATH)
    new = key_queries.rotate_key(database, name=name, overlap=OVERLAP, by=caller.actor, at=now())
    return show_secret(page, caller, name, new.secret, back=KEYS_PATH)
