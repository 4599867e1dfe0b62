"""Tests of our RouterOS client against a router on a port, with every fault."""

import logging
import socket
import ssl
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from simulators.routeros.accounts import ApiAccount
from simulators.routeros.clock import StoppedClock
from simulators.routeros.faults import Kind as FaultKind
from simulators.routeros.faults import RouterFault
from simulators.routeros.server import RouterOsSimulator
from ticketing.platform.kernel.errors import (
    Misconfigured,
    NameTaken,
    OutcomeUnknown,
    RouterRefused,
    RouterUnavailable,
)
from ticketing.routers.credentials import Credentials
from ticketing.routers.model import HotspotUser, Marker, RowMatch, match_row
from ticketing.routers.routeros.account import RouterAccount
from ticketing.routers.routeros.certificates import fetch_fingerprint
from ticketing.routers.routeros.client import RemovalResult, RouterClient
from ticketing.routers.routeros.errors import RefusalReason
from ticketing.routers.routeros.exchange import WINDOW
from ticketing.routers.routeros.transport import SocketFactory

StartRouter = Callable[..., RouterOsSimulator]
Vouchers = list[HotspotUser]
NO_CERTIFICATE = bytes.fromhex("15030300020228")  # TLS's alert for a handshake that fails
NO_TLS = b"\x06!fatal\x0dnot logged in\x00"


@pytest.fixture
def serve_answer() -> Iterator[Callable[[bytes], int]]:
    """Return a function that opens a port with one fixed answer; an empty answer is silence."""
    with ExitStack() as ports:

        def with_answer(answer: bytes) -> int:
            listening = ports.enter_context(socket.create_server(("127.0.0.1", 0)))

            def serve() -> None:
                connection, _ = listening.accept()
                with connection:
                    connection.recv(1 << 16)
                    connection.sendall(answer)

            if answer:
                thread = Thread(target=serve)
                ports.callback(thread.join)
                thread.start()
            return int(listening.getsockname()[1])

        yield with_answer


def test_vouchers_are_added_to_a_router_with_their_limits_and_our_marker(
    router: RouterOsSimulator, router_client: RouterClient, vouchers: Vouchers
) -> None:
    placements = router_client.add(vouchers)

    assert [(each.user, each.error) for each in placements] == [(user, None) for user in vouchers]
    assert router.users()[0] == {
        ".id": "*2",
        "name": "gspabc",
        "password": "secret-abc",
        "profile": "1h",
        "limit-uptime": "1h",
        "limit-bytes-total": "500000000",
        "comment": "tk:gsp:ORD-7K3M-1:gspabc",
        "uptime": "0s",
        "bytes-in": "0",
        "bytes-out": "0",
        "packets-in": "0",
        "packets-out": "0",
        "dynamic": "false",
        "disabled": "false",
    }


def test_a_voucher_without_limits_has_none(
    router: RouterOsSimulator, router_client: RouterClient, vouchers: Vouchers
) -> None:
    router_client.add([replace(vouchers[0], online_limit=None, bytes_limit=None)])

    assert not [name for name in router.users()[0] if name.startswith("limit-")]


def test_a_voucher_logs_in_to_the_hotspot(
    router: RouterOsSimulator, router_client: RouterClient, vouchers: Vouchers
) -> None:
    router_client.add(vouchers)

    router.log_in("gspdef", "secret-def", "AA")

    assert router.online_users() == ["gspdef"]


def test_the_session_duration_is_that_of_the_longest_device(
    router: RouterOsSimulator, router_client: RouterClient, clock: StoppedClock
) -> None:
    for name, profile in (("tamu", "1day"), ("sari", "1h")):
        router.add_user(name, password=name, profile=profile)
    router.log_in("tamu", "tamu", "phone")
    clock.forward(minutes=5)
    router.log_in("tamu", "tamu", "tablet")
    clock.forward(minutes=1)

    assert router_client.session_durations() == {"tamu": timedelta(minutes=6)}


@pytest.mark.parametrize("count", [0, 1, WINDOW - 1, WINDOW, WINDOW + 1, 600])
def test_any_number_of_vouchers_is_added_once_and_in_order(
    router: RouterOsSimulator, router_client: RouterClient, vouchers: Vouchers, count: int
) -> None:
    many = [
        replace(
            vouchers[0],
            credentials=Credentials(f"v{number:04}", "pw"),
            marker=Marker("gsp", f"K-{number}", f"v{number:04}"),
        )
        for number in range(count)
    ]

    placements = router_client.add(many)

    assert [each.user for each in placements] == many
    assert [user["name"] for user in router.users()] == [user.name for user in many]


def test_interleaved_replies_are_matched_to_their_vouchers(
    router: RouterOsSimulator, router_client: RouterClient, vouchers: Vouchers
) -> None:
    router.faults.interleaved = True
    router.add_user("gspdef")

    placements = router_client.add(vouchers)

    assert [type(each.error) for each in placements] == [type(None), NameTaken, type(None)]


def test_a_taken_name_is_an_error_of_that_voucher_alone(
    router: RouterOsSimulator, router_client: RouterClient, vouchers: Vouchers
) -> None:
    router.add_user("gspdef", comment="up-123-01.31.26-note")

    placements = router_client.add(vouchers)
    present = router_client.find(user.name for user in vouchers)

    assert isinstance(placements[1].error, NameTaken)
    assert [match_row(user, present) for user in vouchers] == [
        RowMatch.OURS,
        RowMatch.TAKEN,
        RowMatch.OURS,
    ]


def test_a_profile_with_the_same_prefix_is_not_accepted(
    router: RouterOsSimulator, router_client: RouterClient, vouchers: Vouchers
) -> None:
    almost = replace(vouchers[1], profile="1d")

    placements = router_client.add([vouchers[0], almost, vouchers[2]])

    refused = placements[1].error
    assert isinstance(refused, RouterRefused)
    assert refused.details["reason"] is RefusalReason.NO_SUCH_PROFILE
    assert [user["name"] for user in router.users()] == ["gspabc", "gspghj"]


@pytest.mark.parametrize(
    ("kind", "done"),
    [
        ("drop", False),
        ("silence", False),
        ("fatal", False),
        ("act-then-drop", True),
        ("act-then-silence", True),
        ("cut", True),
        ("reboot", True),
    ],
)
@pytest.mark.slow
def test_after_a_timeout_only_reading_back_decides_the_outcome(
    router: RouterOsSimulator,
    short_timeout_client: RouterClient,
    vouchers: Vouchers,
    kind: FaultKind,
    done: bool,
) -> None:
    router.faults.add(RouterFault(kind, "user/add", skip=1, seconds=0))

    placements = short_timeout_client.add(vouchers)
    present = short_timeout_client.find(user.name for user in vouchers)

    assert placements[0].error is None
    assert isinstance(placements[1].error, OutcomeUnknown)
    assert isinstance(placements[2].error, OutcomeUnknown)
    assert match_row(vouchers[0], present) is RowMatch.OURS
    assert match_row(vouchers[1], present) is (RowMatch.OURS if done else RowMatch.ABSENT)
    assert match_row(vouchers[2], present) is RowMatch.ABSENT


@pytest.mark.slow
def test_commands_of_a_router_slower_than_the_timeout_are_found_done_later(
    router: RouterOsSimulator, short_timeout_client: RouterClient, vouchers: Vouchers
) -> None:
    router.faults.add(RouterFault("slow", "user/add", seconds=2.5))

    placements = short_timeout_client.add(vouchers)
    present = short_timeout_client.find(user.name for user in vouchers)

    assert {type(each.error) for each in placements} == {OutcomeUnknown}
    assert {match_row(user, present) for user in vouchers} == {RowMatch.OURS}


def test_commands_that_were_never_sent_have_a_known_outcome(
    router: RouterOsSimulator, router_client: RouterClient, vouchers: Vouchers
) -> None:
    router.faults.add(RouterFault("drop", "user/add"))
    many = [
        replace(vouchers[0], credentials=Credentials(f"v{number}", "pw")) for number in range(300)
    ]

    placements = router_client.add(many)

    kinds = [type(each.error) for each in placements]
    assert kinds == [OutcomeUnknown] * WINDOW + [RouterUnavailable] * (300 - WINDOW)
    assert router.users() == []


def test_a_late_reply_within_the_timeout_is_accepted(
    router: RouterOsSimulator, router_client: RouterClient, vouchers: Vouchers
) -> None:
    router.faults.add(RouterFault("slow", "user/add", seconds=0.2))

    placements = router_client.add(vouchers)

    assert [each.error for each in placements] == [None, None, None]


@pytest.mark.parametrize("kind", ["trap", "bare-trap"])
def test_a_refusal_stops_nothing_else(
    router: RouterOsSimulator, router_client: RouterClient, vouchers: Vouchers, kind: FaultKind
) -> None:
    router.faults.add(RouterFault(kind, "user/add", skip=1))

    placements = router_client.add(vouchers)

    refused = placements[1].error
    assert isinstance(refused, RouterRefused)
    assert refused.details["reason"] is RefusalReason.OTHER
    assert len(router.users()) == 2


@pytest.mark.parametrize("kind", ["drop", "silence", "act-then-drop", "cut", "fatal", "reboot"])
@pytest.mark.slow
def test_a_query_without_a_reply_may_be_repeated(
    router: RouterOsSimulator, short_timeout_client: RouterClient, kind: FaultKind
) -> None:
    router.faults.add(RouterFault(kind, "user/print", seconds=0))

    with pytest.raises(RouterUnavailable):
        short_timeout_client.own_users("gsp")

    assert short_timeout_client.own_users("gsp") == []


def test_a_router_that_was_restarted_meanwhile_is_connected_again(
    router: RouterOsSimulator, router_client: RouterClient, vouchers: Vouchers
) -> None:
    router_client.add(vouchers[:1])

    router.restart()

    assert [each.error for each in router_client.add(vouchers[1:])] == [None, None]


def test_a_router_that_is_off_is_unavailable(
    router: RouterOsSimulator, router_client: RouterClient, vouchers: Vouchers
) -> None:
    router.power_off()

    with pytest.raises(RouterUnavailable, match="router cafe: connection failed"):
        router_client.add(vouchers)

    router.power_on()
    assert router.users() == []


@pytest.mark.slow
def test_a_silent_router_times_out(
    router: RouterOsSimulator, short_timeout_client: RouterClient, vouchers: Vouchers
) -> None:
    router.faults.add(RouterFault("silence", "/login"))

    with pytest.raises(RouterUnavailable, match="login failed"):
        short_timeout_client.add(vouchers)


def test_only_the_users_of_one_installation_are_found(
    router: RouterOsSimulator, router_client: RouterClient, vouchers: Vouchers
) -> None:
    router_client.add(vouchers)
    router.add_user("walk-in", comment="vc-456-01.31.26-")
    router.add_user("spent", comment="jan/31/2026 19:00:00")
    router.add_user("copy", comment=str(vouchers[0].marker))
    router.add_user("other", comment="tk:uii:ORD-1:other")

    ours = router_client.own_users("gsp")

    assert [user.marker for user in ours] == [user.marker for user in vouchers]


def test_what_a_voucher_has_used_is_read(
    router: RouterOsSimulator, router_client: RouterClient, vouchers: Vouchers, clock: StoppedClock
) -> None:
    router_client.add(vouchers[:1])
    router.log_in("gspabc", "secret-abc", "AA")
    router.add_traffic("gspabc", bytes_in=1_000, bytes_out=2_000)
    clock.forward(minutes=25)

    (seen,) = router_client.find(["gspabc"])

    assert (seen.online, seen.bytes_used) == (timedelta(minutes=25), 3_000)
    assert (seen.profile, seen.disabled) == ("1h", False)


@pytest.mark.parametrize("count", [1, 49, 50, 51, 200, 201])
def test_any_number_of_names_is_found(
    router: RouterOsSimulator, router_client: RouterClient, count: int
) -> None:
    for number in range(count):
        router.add_user(f"u{number}")
    router.add_user("stranger")

    found = router_client.find(f"u{number}" for number in range(count))

    assert sorted(user.name for user in found) == sorted(f"u{number}" for number in range(count))


def test_a_voucher_is_removed_with_its_sessions_and_cookies(
    router: RouterOsSimulator, router_client: RouterClient, vouchers: Vouchers
) -> None:
    router_client.add(vouchers)
    router.log_in("gspabc", "secret-abc", "AA")
    router.log_in("gspdef", "secret-def", "BB")

    removed = router_client.remove([vouchers[0].marker])

    assert removed == {vouchers[0].marker: RemovalResult.REMOVED}
    assert [user["name"] for user in router.users()] == ["gspdef", "gspghj"]
    assert router.online_users() == ["gspdef"]
    assert router.cookies() == ["gspdef"]


def test_a_foreign_user_is_not_removed(
    router: RouterOsSimulator, router_client: RouterClient, vouchers: Vouchers
) -> None:
    router.add_user("gspabc", password="theirs", comment="up-123-01.31.26-")  # noqa: S106
    router.log_in("gspabc", "theirs", "AA")

    removed = router_client.remove([vouchers[0].marker])

    assert removed == {vouchers[0].marker: RemovalResult.NOT_OURS}
    assert [user["name"] for user in router.users()] == ["gspabc"]
    assert router.online_users() == ["gspabc"]


def test_a_session_of_a_deleted_user_is_ended(
    router: RouterOsSimulator, router_client: RouterClient, vouchers: Vouchers
) -> None:
    router_client.add(vouchers[:1])
    router.log_in("gspabc", "secret-abc", "AA")
    router.run_in_loop(lambda: router.machine.hotspot.users.remove("*2"))

    removed = router_client.remove([vouchers[0].marker])

    assert removed == {vouchers[0].marker: RemovalResult.ABSENT}
    assert router.online_users() == []
    assert router.cookies() == []


@pytest.mark.parametrize(
    "word", ["user/print", "user/set", "active/print", "active/remove", "cookie/remove"]
)
@pytest.mark.parametrize("kind", ["drop", "act-then-drop"])
def test_an_interrupted_removal_is_completed_by_the_next(
    router: RouterOsSimulator,
    router_client: RouterClient,
    vouchers: Vouchers,
    word: str,
    kind: FaultKind,
) -> None:
    router_client.add(vouchers)
    router.log_in("gspabc", "secret-abc", "AA")
    router.faults.add(RouterFault(kind, word))

    with pytest.raises(RouterUnavailable):
        router_client.remove([vouchers[0].marker])
    still_there = [user["name"] for user in router.users()]
    removed = router_client.remove([vouchers[0].marker])

    assert still_there == ["gspabc", "gspdef", "gspghj"]
    assert removed == {vouchers[0].marker: RemovalResult.REMOVED}
    assert [user["name"] for user in router.users()] == ["gspdef", "gspghj"]
    assert router.online_users() == router.cookies() == []


@pytest.mark.parametrize(("kind", "end"), [("drop", "removed"), ("act-then-drop", "absent")])
def test_the_last_step_of_a_removal_may_be_repeated(
    router: RouterOsSimulator,
    router_client: RouterClient,
    vouchers: Vouchers,
    kind: FaultKind,
    end: str,
) -> None:
    router_client.add(vouchers[:1])
    router.faults.add(RouterFault(kind, "user/remove"))

    with pytest.raises(RouterUnavailable):
        router_client.remove([vouchers[0].marker])

    assert router_client.remove([vouchers[0].marker]) == {vouchers[0].marker: end}
    assert router.users() == []


def test_removing_an_absent_user_is_no_error(
    router: RouterOsSimulator, router_client: RouterClient, vouchers: Vouchers
) -> None:
    router_client.add(vouchers)
    router.faults.add(RouterFault("trap", "user/remove", message="no such item (4)"))

    removed = router_client.remove(user.marker for user in vouchers)

    assert set(removed.values()) == {RemovalResult.REMOVED}


def test_many_vouchers_are_removed_in_one_call(
    router: RouterOsSimulator, router_client: RouterClient, vouchers: Vouchers
) -> None:
    many = [
        replace(
            vouchers[0],
            credentials=Credentials(f"v{number}", "pw"),
            marker=Marker("gsp", f"K-{number}", f"v{number}"),
        )
        for number in range(300)
    ]
    router_client.add(many)
    router.log_in("v7", "pw", "AA")

    removed = router_client.remove(user.marker for user in many)

    assert set(removed.values()) == {RemovalResult.REMOVED}
    assert (router.users(), router.online_users(), router.cookies()) == ([], [], [])


def test_profiles_say_what_they_allow_and_whether_they_run_a_script(
    router: RouterOsSimulator, router_client: RouterClient
) -> None:
    router.add_profile("printed", on_login=':put (",rem,5000,1d,7000,,Disable,")')

    profiles = {each.name: each for each in router_client.profiles()}

    assert profiles["1day"].shared_users == 2
    assert not profiles["1day"].runs_script
    assert profiles["printed"].runs_script


@pytest.mark.parametrize("version", ["6.42.12", "7.9.2", "7.18.2"])
def test_the_health_of_every_router_version_is_read(
    start_router: StartRouter, account: RouterAccount, clock: StoppedClock, version: str
) -> None:
    router = start_router(version)
    clock.forward(days=3, hours=2)

    with RouterClient(replace(account, port=router.port)) as client:
        health = client.health()

    assert health.identity == "MikroTik"
    assert health.version == f"{version} (stable)"
    assert health.up_for == timedelta(days=3, hours=2)
    assert health.clock == datetime(2026, 12, 15, 3, 30, tzinfo=UTC)
    assert (health.cpu_percent, health.free_bytes) == (3, 402_653_184)


@pytest.mark.parametrize("version", ["6.42.12", "7.17.2", "7.18.2"])
def test_an_empty_result_is_empty_in_every_version(
    start_router: StartRouter, account: RouterAccount, version: str
) -> None:
    router = start_router(version)

    with RouterClient(replace(account, port=router.port)) as client:
        assert client.find(["nobody"]) == []


def test_a_wrong_password_is_refused_and_not_repeated(
    account: RouterAccount, vouchers: Vouchers
) -> None:
    with (
        RouterClient(replace(account, password="hunter2-wrong")) as client,  # noqa: S106
        pytest.raises(RouterRefused, match="invalid user name or password") as refused,
    ):
        client.add(vouchers)

    assert refused.value.details["reason"] is RefusalReason.LOGIN
    assert "hunter2" not in "".join(traceback.format_exception(refused.value))


def test_an_account_needs_three_policies_and_no_more(
    start_router: StartRouter, account: RouterAccount, vouchers: Vouchers
) -> None:
    least = ApiAccount(account.user, account.password, frozenset({"api", "read", "write"}))
    router = start_router(accounts=(least,))

    with RouterClient(replace(account, port=router.port)) as client:
        client.health()
        assert client.can_write()
        client.add(vouchers)
        router.log_in("gspabc", "secret-abc", "AA")
        client.remove(user.marker for user in vouchers)

    assert (router.users(), router.online_users(), router.cookies()) == ([], [], [])


def test_a_read_only_account_is_refused_with_the_reason(
    start_router: StartRouter, account: RouterAccount, vouchers: Vouchers
) -> None:
    reader = ApiAccount(account.user, account.password, frozenset({"api", "read"}))
    router = start_router(accounts=(reader,))

    with RouterClient(replace(account, port=router.port)) as client:
        (placement,) = client.add(vouchers[:1])
        can_write = client.can_write()

    assert isinstance(placement.error, RouterRefused)
    assert placement.error.details["reason"] is RefusalReason.NOT_PERMITTED
    assert not can_write


def test_no_error_contains_a_password_or_a_code(
    router: RouterOsSimulator,
    router_client: RouterClient,
    vouchers: Vouchers,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    talkative = "bad =name=gspabc =password=secret-abc =comment=tk:gsp:ORD-7K3M-1:gspabc"
    router.faults.add(
        RouterFault("trap", "user/add", message=talkative), RouterFault("drop", "user/add")
    )

    placements = router_client.add(vouchers)

    told = "".join(
        text
        for each in placements
        if each.error
        for text in [*traceback.format_exception(each.error), repr(each), repr(each.error.details)]
    )
    assert [type(each.error) for each in placements] == [
        RouterRefused,
        OutcomeUnknown,
        OutcomeUnknown,
    ]
    assert not [
        word for word in ("secret", "gspabc", "simulator-password") if word in told + caplog.text
    ]


def test_tls_with_a_certificate_of_our_own_authority(
    start_router: StartRouter,
    account: RouterAccount,
    server_tls_context: ssl.SSLContext,
    ca_certificate: str,
    vouchers: Vouchers,
) -> None:
    router = start_router(tls=server_tls_context)
    secured = replace(account, port=router.tls_port, tls=True, ca_certificate=ca_certificate)

    with RouterClient(secured) as client:
        placements = client.add(vouchers) + client.add(vouchers)

    assert [each.error is None for each in placements] == [True] * 3 + [False] * 3


def test_an_untrusted_certificate_is_refused(
    start_router: StartRouter, account: RouterAccount, server_tls_context: ssl.SSLContext
) -> None:
    router = start_router(tls=server_tls_context)

    with (
        RouterClient(replace(account, port=router.tls_port, tls=True)) as client,
        pytest.raises(Misconfigured, match="certificate is not trusted"),
    ):
        client.health()


@pytest.mark.parametrize("answer", [NO_CERTIFICATE, NO_TLS])
def test_a_router_without_tls_is_distinguished_from_one_that_is_down(
    account: RouterAccount, serve_answer: Callable[[bytes], int], answer: bytes
) -> None:
    with (
        RouterClient(replace(account, port=serve_answer(answer), tls=True)) as client,
        pytest.raises(Misconfigured, match="does its api-ssl service have a certificate"),
    ):
        client.health()


def test_a_router_that_does_not_shake_hands_is_given_up(
    account: RouterAccount, serve_answer: Callable[[bytes], int], vouchers: Vouchers
) -> None:
    with (
        RouterClient(
            replace(account, port=serve_answer(b""), tls=True), connect_seconds=0.2
        ) as client,
        pytest.raises(RouterUnavailable, match="TLS connection failed"),
    ):
        client.add(vouchers)


@pytest.fixture
def self_signed_router(start_router: StartRouter, tmp_path: Path) -> RouterOsSimulator:
    """Start a router with a certificate as RouterOS makes it: self-signed, a CN only."""
    return start_router(tls=self_signed_context(tmp_path / "router.pem"))


def self_signed_context(path: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "MikroTik")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2021, 1, 1, tzinfo=UTC))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, *pem)
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def test_a_self_signed_certificate_is_accepted_when_it_is_pinned(
    self_signed_router: RouterOsSimulator, account: RouterAccount, vouchers: Vouchers
) -> None:
    port = self_signed_router.tls_port
    secured = replace(account, port=port, tls=True)
    pinned = replace(secured, fingerprint=fetch_fingerprint(account.host, port))

    with RouterClient(pinned) as client:
        placements = client.add(vouchers)
    with RouterClient(secured) as client, pytest.raises(Misconfigured, match="update cafe --pin"):
        client.health()

    assert [each.error for each in placements] == [None] * 3


def test_another_certificate_than_the_pinned_one_is_refused_before_the_login(
    self_signed_router: RouterOsSimulator, account: RouterAccount
) -> None:
    port = self_signed_router.tls_port
    expected = replace(account, port=port, tls=True, fingerprint="ab" * 32)
    actual = replace(expected, fingerprint=fetch_fingerprint(account.host, port))
    self_signed_router.faults.add(RouterFault("trap", "/login", message="the first login"))

    with RouterClient(expected) as client, pytest.raises(Misconfigured, match="not the pinned one"):
        client.health()

    with RouterClient(actual) as client, pytest.raises(RouterRefused, match="the first login"):
        client.health()


def test_a_port_without_tls_has_no_fingerprint(router: RouterOsSimulator) -> None:
    with pytest.raises(RouterUnavailable, match="shows no certificate"):
        fetch_fingerprint(router.host, router.port, seconds=0.5)


def test_a_connection_sends_without_delay_and_with_keepalive(account: RouterAccount) -> None:
    with socket.create_connection((account.host, account.port), timeout=2) as plain:
        SocketFactory(account, answer_seconds=2).wrap_socket(plain, server_hostname=account.host)

        assert plain.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert plain.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


def test_threads_share_a_connection_in_turn(
    router: RouterOsSimulator, router_client: RouterClient, vouchers: Vouchers
) -> None:
    threads = [Thread(target=router_client.add, args=([user],)) for user in vouchers]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(user["name"] for user in router.users()) == ["gspabc", "gspdef", "gspghj"]
    assert len(router.sessions) == 1


def test_a_reset_router_is_empty_of_ours_and_can_be_filled_again(
    router: RouterOsSimulator, router_client: RouterClient, vouchers: Vouchers
) -> None:
    router_client.add(vouchers)
    router.reset()
    router.add_profile("1h")

    missing = [
        user
        for user in vouchers
        if user.marker not in {u.marker for u in router_client.own_users("gsp")}
    ]
    placements = router_client.add(missing)

    assert missing == vouchers
    assert [each.error for each in placements] == [None, None, None]
