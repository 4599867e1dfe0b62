"""Users: create, change, disable, sign out everywhere, give a new password."""

from fastapi import Response

from ticketing.access.authentication import Admin
from ticketing.access.caller import Caller, Role
from ticketing.access.signed_in_pages import signed_in_pages_router
from ticketing.access.users import manage, user_queries
from ticketing.access.users.manage import NewUser, UserChanges
from ticketing.access.users.passwords import generate_password
from ticketing.access.users.user import UnusableUser
from ticketing.console.html import ConsolePage, PageDependency, redirect
from ticketing.console.system.confirmation import ConfirmedForm
from ticketing.events.queries import get_event
from ticketing.platform.db.database import Database
from ticketing.platform.http.services import now

USERS_PATH = "/console/users"
ROLES = tuple(role for role in Role if role is not Role.GATE)

router = signed_in_pages_router(USERS_PATH, include_in_schema=False)


@router.get("")
def show_users(page: PageDependency, caller: Admin) -> Response:
    """Return all users with role, events, last sign-in and state."""
    return _render(page, caller)


@router.post("")
def create(page: PageDependency, caller: Admin, fields: ConfirmedForm) -> Response:
    """Create a user; the password is shown once."""
    database, password = page.services.database, generate_password()
    new = NewUser(
        fields.get("name", ""), read_role(fields), fields.get("email", ""),
        read_event_ids(database, fields.get("events", "")),
    )  # fmt: skip
    user = manage.create_user(database, new, password, by=caller.actor)
    return show_secret(page, caller, user.name, password, back=USERS_PATH)


@router.post("/change")
def change(page: PageDependency, caller: Admin, fields: ConfirmedForm) -> Response:
    """Change the role and the events of a user, who has to sign in again."""
    database, event_ids = page.services.database, None
    if fields.get("events", "").strip():
        event_ids = read_event_ids(database, fields["events"])
    changes = UserChanges(read_role(fields), event_ids=event_ids, all_events=event_ids is None)
    _refuse_oneself(caller, fields)
    manage.update_user(database, fields.get("name", ""), changes, by=caller.actor, at=now())
    return redirect(USERS_PATH)


@router.post("/state")
def set_state(page: PageDependency, caller: Admin, fields: ConfirmedForm) -> Response:
    """Disable a user, enable one again, or end all sessions."""
    database, name = page.services.database, fields.get("name", "")
    if fields.get("answer") == "sign-out":
        manage.end_sessions(database, name, by=caller.actor, at=now())
        return redirect(USERS_PATH)
    _refuse_oneself(caller, fields)
    is_disabled = fields.get("answer") == "disable"
    manage.set_disabled(database, name, disabled=is_disabled, by=caller.actor, at=now())
    return redirect(USERS_PATH)


@router.post("/password")
def replace_password(page: PageDependency, caller: Admin, fields: ConfirmedForm) -> Response:
    """Give a user a new password, which is shown once; the sessions of the user end."""
    name, password = fields.get("name", ""), generate_password()
    manage.reset_password(page.services.database, name, password, by=caller.actor, at=now())
    return show_secret(page, caller, name, password, back=USERS_PATH)


def read_role(fields: dict[str, str]) -> Role:
    """Return the role of a form. Raises UnusableUser for another word."""
    try:
        return Role(fields.get("role", ""))
    except ValueError as error:
        raise UnusableUser(f"role: choose one of {', '.join(ROLES)}") from error


def read_event_ids(database: Database, text: str) -> list[int] | None:
    """Return the ids of events named with commas, None for an empty text."""
    slugs = [slug.strip() for slug in text.split(",") if slug.strip()]
    return [get_event(database, slug).id for slug in slugs] or None


def show_secret(
    page: ConsolePage, caller: Caller, name: str, secret: str, *, back: str
) -> Response:
    """Return the page that shows a password or a key once."""
    return page.render("secret.html.j2", caller, subject=name, secret=secret, back=back)


def _refuse_oneself(caller: Caller, fields: dict[str, str]) -> None:
    """Keep the last admin from locking everybody out by a slip."""
    if fields.get("name", "") == caller.name:
        raise UnusableUser(f"{caller.name}: another admin has to change your own role and state")


def _render(page: ConsolePage, caller: Caller) -> Response:
    with page.services.database.transaction() as connection:
        users = user_queries.list_users(connection)
        slugs = user_queries.slugs_of_events(connection, users)
    return page.render(
        "users.html.j2", caller, users=users, slugs=slugs, roles=ROLES, me=caller.name
    )
