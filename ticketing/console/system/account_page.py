"""The account of whoever has signed in: open sessions, sign out everywhere, change the password."""

from fastapi import Response

from ticketing.access.authentication import AnyEventViewer
from ticketing.access.sessions import session_queries
from ticketing.access.sign_in.html import SIGN_IN_PATH
from ticketing.access.signed_in_pages import signed_in_pages_router
from ticketing.access.users import manage, user_queries
from ticketing.access.users.user import UnusableUser
from ticketing.console.html import PageDependency, redirect
from ticketing.console.system.confirmation import ConfirmedForm
from ticketing.platform.http.services import now

ACCOUNT_PATH = "/console/account"

router = signed_in_pages_router(ACCOUNT_PATH, include_in_schema=False)


@router.get("")
def show_account(page: PageDependency, caller: AnyEventViewer) -> Response:
    """Return the sessions of the user."""
    with page.services.database.transaction() as connection:
        user = user_queries.get_user(connection, caller.name)
        sessions = session_queries.list_open_sessions(connection, user.id, at=now())
    return page.render("account.html.j2", caller, user=user, sessions=sessions)


@router.post("/password")
def change_password(
    page: PageDependency, caller: AnyEventViewer, fields: ConfirmedForm
) -> Response:
    """Replace the own password; every session ends, this one too."""
    new = fields.get("new", "")
    if new != fields.get("again", ""):
        raise UnusableUser("the new password was typed in two ways; type it twice alike")
    manage.reset_password(page.services.database, caller.name, new, by=caller.actor, at=now())
    return redirect(SIGN_IN_PATH)


@router.post("/sign-out")
def sign_out_everywhere(page: PageDependency, caller: AnyEventViewer, _: ConfirmedForm) -> Response:
    """End every session of the user, this one too."""
    manage.end_sessions(page.services.database, caller.name, by=caller.actor, at=now())
    return redirect(SIGN_IN_PATH)
