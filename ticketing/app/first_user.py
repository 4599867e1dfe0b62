"""The first user of a rehearsal, so that `ticketing up` is enough to look around."""

from typing import TYPE_CHECKING

from ticketing.access.caller import Role
from ticketing.access.users.manage import NewUser, create_user
from ticketing.access.users.passwords import generate_password
from ticketing.access.users.user import UserExists
from ticketing.access.users.user_queries import has_users

if TYPE_CHECKING:
    from ticketing.platform.application import Application

FIRST_USER = "admin"
CREATE_COMMAND = "ticketing users create NAME --admin"


def describe_sign_in(application: "Application", *, by: str) -> str:
    """Return how to sign in; a fresh rehearsal gets a user, whose password is said only now.

    Where money moves, nobody is created: a password in the log of a server is no secret.
    """
    if application.database.run(has_users):
        return "with your name; ticketing users reset-password NAME sets a new password"
    if application.settings.midtrans_environment != "simulator":
        return f"nobody can yet: {CREATE_COMMAND}"
    password = generate_password()
    try:
        create_user(application.database, NewUser(FIRST_USER, Role.ADMIN), password, by=by)
    except UserExists:  # another process was faster
        return "with your name; ticketing users reset-password NAME sets a new password"
    return f"{FIRST_USER}, password {password} (shown only now)"
