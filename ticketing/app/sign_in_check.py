"""Doctor's check of users and of the addresses at which a browser keeps their sessions."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from ticketing.access.sessions.origin import is_local_host
from ticketing.access.users.user_queries import list_users
from ticketing.app.findings import DoctorFinding, ok, warning
from ticketing.app.first_user import CREATE_COMMAND
from ticketing.platform.application import Application


def check_sign_in(application: Application) -> Iterator[DoctorFinding]:
    """Warn if nobody can sign in, or if a browser would not keep the session."""
    users = [one for one in application.database.run(list_users) if one.disabled_at is None]
    if users:
        yield ok("users", f"{len(users)} can sign in")
    elif application.settings.midtrans_environment == "simulator":
        yield ok("users", "nobody yet; `ticketing up` creates the first one of a rehearsal")
    else:
        yield warning("users", "nobody can sign in to the pages of staff", f"`{CREATE_COMMAND}`")
    settings = application.settings
    addresses = {
        "WEB_PUBLIC_URL": settings.web_public_url, "DAGSTER_PUBLIC_URL": settings.dagster_public_url
    }  # fmt: skip
    for name, url in addresses.items():
        parts = urlsplit(url or "")
        if parts.scheme == "http" and not is_local_host(parts.netloc):
            yield warning(
                "sign-in", f"{name} is {url}: browsers keep no session without TLS",
                "put a proxy with TLS before it, or open 127.0.0.1",
            )  # fmt: skip
