"""Sign in and out: the throttle, the password, the session and the audit log, in that order."""

from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus

from sqlalchemy import Connection

from ticketing.access.caller import Caller, CallerKind
from ticketing.access.sessions import session_queries
from ticketing.access.sessions.session_token import new_token
from ticketing.access.users import user_queries
from ticketing.access.users.passwords import has_old_parameters, hash_password, is_password
from ticketing.access.users.throttle import ThrottleKind, ThrottleSubject
from ticketing.access.users.throttle_queries import forgive_attempt, reserve_attempt
from ticketing.access.users.user import (
    MAX_PASSWORD_LENGTH,
    User,
    normalize_login,
    normalize_password,
)
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import Refused

UNKNOWN_ACTOR = "sign-in"


class WrongPassword(Refused):
    """The name or the password is wrong; the answer does not say which."""

    status = HTTPStatus.UNAUTHORIZED


class TooManyAttempts(Refused):
    """The account or the network has failed too often; the details say how long to wait."""

    status = HTTPStatus.TOO_MANY_REQUESTS


@dataclass(frozen=True, slots=True)
class SignInAttempt:
    """What somebody typed, from which address, and the session that the browser has."""

    login: str
    password: str = field(repr=False)
    address: str
    present_token: str = field(default="", repr=False)

    @property
    def subjects(self) -> tuple[ThrottleSubject, ThrottleSubject]:
        """Return what this attempt is counted by."""
        return (
            ThrottleSubject(ThrottleKind.ACCOUNT, normalize_login(self.login)),
            ThrottleSubject(ThrottleKind.NETWORK, self.address),
        )


def sign_in(database: Database, attempt: SignInAttempt, *, at: datetime) -> str:
    """Return the token of a new session. Raises WrongPassword and TooManyAttempts.

    The transactions are short, because verifying a password takes a tenth of a second. Whatever
    dies between them leaves a counted attempt, and no session.
    """
    user = _verify(database, attempt, at=at)
    with database.transaction() as connection:
        return _start(connection, user, attempt, at=at)


def confirm_password(
    database: Database, caller: Caller, password: str, *, address: str, at: datetime
) -> None:
    """Check the password of the user who has signed in, before an action that could do harm.

    Attempts are counted as at the sign-in. Raises WrongPassword and TooManyAttempts.
    """
    attempt = SignInAttempt(
        caller.name if caller.kind is CallerKind.USER else "", password, address
    )
    _verify(database, attempt, at=at)
    database.run(forgive_attempt, attempt.subjects)


def _verify(database: Database, attempt: SignInAttempt, *, at: datetime) -> User:
    waits_until = database.run(reserve_attempt, attempt.subjects, at=at)
    if waits_until is not None:
        seconds = int((waits_until - at).total_seconds()) + 1
        raise TooManyAttempts(f"too many attempts; wait {seconds} s", retryAfter=seconds)
    user = database.run(user_queries.find_by_login, normalize_login(attempt.login))
    if not _is_right(attempt, user) or user is None:
        database.run(_record_failure, attempt, user)
        raise WrongPassword("the name or the password is wrong")
    return user


def _is_right(attempt: SignInAttempt, user: User | None) -> bool:
    password = normalize_password(attempt.password)[: MAX_PASSWORD_LENGTH + 1]
    is_known = user is not None and user.disabled_at is None
    return is_password(password, None if user is None else user.password_hash) and is_known


def _record_failure(connection: Connection, attempt: SignInAttempt, user: User | None) -> None:
    # a row in both cases: whether there is such a user must not show in the time
    audit_log.record(
        connection, UNKNOWN_ACTOR, "sign-in failed",
        subject="" if user is None else user.name, details={"address": attempt.address},
    )  # fmt: skip


def _start(connection: Connection, user: User, attempt: SignInAttempt, *, at: datetime) -> str:
    if attempt.present_token:
        session_queries.end_session(connection, attempt.present_token, at=at)
    token = new_token()
    session_queries.start_session(connection, user.id, token, address=attempt.address, at=at)
    values: dict[str, object] = {"last_sign_in_at": at}
    if has_old_parameters(user.password_hash):
        values["password_hash"] = hash_password(normalize_password(attempt.password))
    user_queries.update_user(connection, user.id, values)
    forgive_attempt(connection, attempt.subjects)
    audit_log.record(
        connection, f"user:{user.name}", "signed in", subject=user.name,
        details={"address": attempt.address},
    )  # fmt: skip
    return token


def sign_out(database: Database, caller: Caller, token: str, *, address: str, at: datetime) -> None:
    """End the session with this token."""
    with database.transaction() as connection:
        session_queries.end_session(connection, token, at=at)
        audit_log.record(
            connection, caller.actor, "signed out", subject=caller.name,
            details={"address": address},
        )  # fmt: skip
