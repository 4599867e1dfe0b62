"""Fixtures: a simulated router, its certificate, its clock, and a low-level client."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest
import trustme

from simulators.routeros.clock import StoppedClock
from simulators.routeros.server import RouterOsSimulator
from simulators.routeros.teletype import RawApiClient
from ticketing.routers.credentials import Credentials
from ticketing.routers.model import HotspotUser, Marker
from ticketing.routers.routeros.account import RouterAccount
from ticketing.routers.routeros.client import RouterClient


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock(datetime(2026, 12, 12, 1, 30, tzinfo=UTC))


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def ca_certificate(authority: trustme.CA) -> str:
    """Return the authority's certificate in PEM."""
    return authority.cert_pem.bytes().decode()


@pytest.fixture(scope="session")
def server_tls_context(authority: trustme.CA) -> ssl.SSLContext:
    """Return a TLS context with a certificate for 127.0.0.1."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
def start_router(clock: StoppedClock) -> Iterator[Callable[..., RouterOsSimulator]]:
    """Return a function that starts routers of any version, with profiles of an hour and a day."""
    with ExitStack() as routers:

        def new(version: str = "7.18.2", **options: object) -> RouterOsSimulator:
            router = RouterOsSimulator(version, clock=clock, **options)  # type: ignore[arg-type]
            routers.enter_context(router)
            router.add_profile("1h", shared_users="1")
            router.add_profile("1day", shared_users="2")
            return router

        yield new


@pytest.fixture
def router(start_router: Callable[..., RouterOsSimulator]) -> RouterOsSimulator:
    """Start a router of the latest version."""
    return start_router()


@pytest.fixture
def connect() -> Iterator[Callable[[RouterOsSimulator], RawApiClient]]:
    """Return a function that opens connections without a login."""
    with ExitStack() as connections:

        def to(router: RouterOsSimulator) -> RawApiClient:
            new = RawApiClient(router.host, router.port)
            connections.callback(new.socket.close)
            return new

        yield to


@pytest.fixture
def raw_client(
    router: RouterOsSimulator, connect: Callable[[RouterOsSimulator], RawApiClient]
) -> RawApiClient:
    """Open a logged-in connection to the latest version."""
    logged_in = connect(router)
    logged_in.ask("/login", "=name=ticketing", "=password=simulator-password")
    return logged_in


@pytest.fixture
def account(router: RouterOsSimulator) -> RouterAccount:
    """Return our account on the router, without TLS for speed."""
    return RouterAccount(
        "cafe", router.host, "ticketing", "simulator-password", router.port, tls=False
    )


@pytest.fixture
def router_client(account: RouterAccount) -> Iterator[RouterClient]:
    """Open our client with its default timeouts."""
    with RouterClient(account) as ours:
        yield ours


@pytest.fixture
def short_timeout_client(account: RouterAccount) -> Iterator[RouterClient]:
    """Open our client with a timeout of two seconds."""
    with RouterClient(account, answer_seconds=2) as ours:
        yield ours


@pytest.fixture
def vouchers() -> list[HotspotUser]:
    """Return three users to add."""
    return [
        HotspotUser(
            Credentials(f"gsp{name}", f"secret-{name}"),
            "1h",
            Marker("gsp", f"ORD-7K3M-{number}", f"gsp{name}"),
            online_limit=timedelta(hours=1),
            bytes_limit=500_000_000,
        )
        for number, name in enumerate(("abc", "def", "ghj"), start=1)
    ]
