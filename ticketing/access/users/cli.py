"""`ticketing users`: create, list, show, update, disable and sign out. No password is an argument.

The list of processes shows arguments to everybody on the machine.
"""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.events.cli_context import find_event_ids
from ticketing.platform.cli.console import actor, now, open_application
from ticketing.platform.cli.options import JsonOption, parse_choice
from ticketing.platform.cli.output import Columns, print_json, print_list, print_result

if TYPE_CHECKING:
    from ticketing.access.users.user import User

app = typer.Typer(no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(help="Name of the user.")]
LoginArgument = Annotated[str, typer.Argument(help="Name or e-mail address of the user.")]
RoleOption = Annotated[str | None, typer.Option(help="viewer, operator or admin.")]
EmailOption = Annotated[str | None, typer.Option(help="Another name to sign in with.")]
EventsOption = Annotated[
    list[str] | None,
    typer.Option("--event", "-e", help="Only this event (slug or id; repeatable)."),
]
StdinOption = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input.")
]
GenerateOption = Annotated[
    bool, typer.Option("--generate", help="Create a random password and print it.")
]


@app.command("create")
def create(
    name: NameArgument,
    *,
    role: RoleOption = None,
    admin: Annotated[bool, typer.Option("--admin", help="The same as --role admin.")] = False,
    email: EmailOption = None,
    events: EventsOption = None,
    password_stdin: StdinOption = False,
    generate: GenerateOption = False,
    as_json: JsonOption = False,
) -> None:
    """Create a user. The password is asked for, unless another option says where it is from."""
    from ticketing.access.caller import Role
    from ticketing.access.users.manage import NewUser, create_user

    if admin and role not in (None, Role.ADMIN):
        raise typer.BadParameter("--admin and --role contradict each other", param_hint="--role")
    chosen = Role.ADMIN if admin else parse_choice(role or Role.VIEWER, Role, "--role")
    password = _read_password(from_stdin=password_stdin, generate=generate)
    with open_application() as application:
        new = NewUser(name, chosen, email or "", find_event_ids(application, events))
        user = create_user(application.database, new, password, by=actor())
    shown = {"name": user.name, "role": user.role}
    lines = [f"Created user {user.name}, {user.role}."]
    if generate:
        shown["password"] = password
        lines.append(f"Password: {password}")
    print_result(shown, *lines, as_json=as_json)


@app.command("list")
def list_all(*, as_json: JsonOption = False) -> None:
    """List all users."""
    from ticketing.access.users import user_queries

    with open_application() as application:
        users = application.database.run(user_queries.list_users)
    print_list(users, _USER_COLUMNS, as_json=as_json, to_json=_to_object, empty="No users.")


@app.command("show")
def show(login: LoginArgument, *, as_json: JsonOption = False) -> None:
    """Show a user and the open sessions."""
    from ticketing.access.sessions import session_queries
    from ticketing.access.users import user_queries

    with open_application() as application, application.database.transaction() as connection:
        user = user_queries.get_user(connection, login)
        sessions = session_queries.list_open_sessions(connection, user.id, at=now())
    if as_json:
        print_json(_to_object(user) | {"sessions": sessions})
        return
    print_list([user], _USER_COLUMNS, as_json=False)
    columns: Columns[session_queries.Session] = {
        "session": lambda one: one.id,
        "from": lambda one: one.address,
        "signed in": lambda one: one.created_at,
        "last used": lambda one: one.last_used_at,
        "ends": lambda one: one.expires_at,
    }
    print_list(sessions, columns, as_json=False, empty="No open sessions.")


@app.command("update")
def update(
    login: LoginArgument,
    *,
    role: RoleOption = None,
    email: EmailOption = None,
    events: EventsOption = None,
    all_events: Annotated[
        bool, typer.Option("--all-events", help="Lift the restriction to events.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Change role, e-mail address or events. The user has to sign in again."""
    from ticketing.access.caller import Role
    from ticketing.access.users.manage import UserChanges, update_user

    if events and all_events:
        raise typer.BadParameter("--event and --all-events contradict each other")
    chosen = None if role is None else parse_choice(role, Role, "--role")
    with open_application() as application:
        changes = UserChanges(chosen, email, find_event_ids(application, events), all_events)
        user = update_user(application.database, login, changes, by=actor(), at=now())
    print_result(_to_object(user), f"User {user.name} is {user.role} now.", as_json=as_json)


@app.command("disable")
def disable(login: LoginArgument, *, as_json: JsonOption = False) -> None:
    """Disable a user and end all sessions at once."""
    _set_disabled(login, disabled=True, as_json=as_json)


@app.command("enable")
def enable(login: LoginArgument, *, as_json: JsonOption = False) -> None:
    """Let a disabled user sign in again."""
    _set_disabled(login, disabled=False, as_json=as_json)


def _set_disabled(login: str, *, disabled: bool, as_json: bool) -> None:
    from ticketing.access.users.manage import set_disabled

    with open_application() as application:
        user = set_disabled(application.database, login, disabled=disabled, by=actor(), at=now())
    state = "disabled" if disabled else "enabled"
    print_result({"name": user.name, "state": state}, f"User {user.name} is {state}.",
                 as_json=as_json)  # fmt: skip


@app.command("reset-password")
def reset_password(
    login: LoginArgument,
    *,
    password_stdin: StdinOption = False,
    generate: GenerateOption = False,
    as_json: JsonOption = False,
) -> None:
    """Replace a password and end all sessions; waits after failed attempts end, too."""
    from ticketing.access.users import manage

    password = _read_password(from_stdin=password_stdin, generate=generate)
    with open_application() as application:
        ended = manage.reset_password(application.database, login, password, by=actor(), at=now())
    shown: dict[str, object] = {"name": login, "sessionsEnded": ended}
    lines = [f"Changed the password of {login}; {ended} sessions ended."]
    if generate:
        shown["password"] = password
        lines.append(f"Password: {password}")
    print_result(shown, *lines, as_json=as_json)


@app.command("sign-out")
def sign_out(login: LoginArgument, *, as_json: JsonOption = False) -> None:
    """End all sessions of a user."""
    from ticketing.access.users.manage import end_sessions

    with open_application() as application:
        ended = end_sessions(application.database, login, by=actor(), at=now())
    print_result({"name": login, "sessionsEnded": ended}, f"{ended} sessions of {login} ended.",
                 as_json=as_json)  # fmt: skip


def _read_password(*, from_stdin: bool, generate: bool) -> str:
    from ticketing.access.users.passwords import generate_password

    if from_stdin and generate:
        raise typer.BadParameter("--password-stdin and --generate contradict each other")
    if generate:
        return generate_password()
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))


_USER_COLUMNS: "Columns[User]" = {
    "name": lambda user: user.name,
    "e-mail": lambda user: user.email,
    "role": lambda user: user.role,
    "events": lambda user: "all" if user.event_ids is None else ", ".join(map(str, user.event_ids)),
    "created": lambda user: user.created_at,
    "last sign-in": lambda user: user.last_sign_in_at,
    "disabled": lambda user: user.disabled_at,
}


def _to_object(user: "User") -> dict[str, object]:
    from ticketing.platform.cli.output import to_object

    return {name: value for name, value in to_object(user).items() if name != "password_hash"}
