"""Tests of the RouterOS simulator: it behaves as RouterOS does, byte by byte."""

import socket
import ssl
import time
from collections.abc import Callable

import pytest

from simulators.routeros.accounts import ApiAccount, response
from simulators.routeros.clock import StoppedClock
from simulators.routeros.faults import RouterFault
from simulators.routeros.refusals import Trap
from simulators.routeros.server import RouterOsSimulator
from simulators.routeros.teletype import RawApiClient
from simulators.routeros.values import format_duration, parse_duration
from simulators.routeros.wire import encode_sentence

USER = "/ip/hotspot/user"
StartRouter = Callable[..., RouterOsSimulator]
Connect = Callable[[RouterOsSimulator], RawApiClient]
SARI = {"password": "pw", "profile": "1h"}


def test_sentences_arrive_whole_however_they_are_cut(raw_client: RawApiClient) -> None:
    raw = encode_sentence([b"/system/identity/print", b".tag=7"])

    for byte in raw:
        raw_client.socket.sendall(bytes((byte,)))

    assert raw_client.receive(2) == [["!re", ".tag=7", "=name=MikroTik"], ["!done", ".tag=7"]]


def test_many_sentences_arrive_in_one_segment(raw_client: RawApiClient) -> None:
    raw_client.send(
        *([f"{USER}/add", f"=name=u{number}", f".tag={number}"] for number in range(50))
    )

    assert [said[1] for said in raw_client.receive(50)] == [
        f".tag={number}" for number in range(50)
    ]


@pytest.mark.parametrize("raw", [b"\xff", b"\xf8", bytes.fromhex("e0200000") + b"x" * 100])
def test_bytes_that_no_client_should_send_end_the_connection(
    raw_client: RawApiClient, raw: bytes
) -> None:
    raw_client.socket.sendall(raw)

    assert raw_client.is_closed()


def test_a_command_before_the_login_ends_the_connection(
    router: RouterOsSimulator, connect: Connect
) -> None:
    stranger = connect(router)

    assert stranger.ask("/system/identity/print", ".tag=1") == [["!fatal", "not logged in"]]
    assert stranger.is_closed()


@pytest.mark.parametrize("version", ["6.43", "6.49.10", "7.18.2"])
def test_a_login_takes_one_sentence(
    start_router: StartRouter, connect: Connect, version: str
) -> None:
    wire = connect(start_router(version))

    assert wire.ask("/login", "=name=ticketing", "=password=simulator-password") == [["!done"]]


def test_a_wrong_password_is_refused_and_the_connection_stays_open(
    router: RouterOsSimulator, connect: Connect
) -> None:
    wire = connect(router)

    refused = wire.ask("/login", "=name=ticketing", "=password=wrong", ".tag=1", replies=2)
    admitted = wire.ask("/login", "=name=ticketing", "=password=simulator-password")

    assert refused == [
        ["!trap", ".tag=1", "=message=invalid user name or password (6)"],
        ["!done", ".tag=1"],
    ]
    assert admitted == [["!done"]]


def test_before_6_43_a_challenge_is_answered(start_router: StartRouter, connect: Connect) -> None:
    wire = connect(start_router("6.42.12"))
    ((_, ret),) = wire.ask("/login")
    challenged = bytes.fromhex(ret.removeprefix("=ret="))

    answer = f"=response={response('simulator-password', challenged)}"

    assert wire.ask("/login", "=name=ticketing", answer) == [["!done"]]


def test_before_6_43_a_wrong_challenge_response_is_refused(
    start_router: StartRouter, connect: Connect
) -> None:
    wire = connect(start_router("6.42.12"))
    wire.ask("/login")

    said = wire.ask("/login", "=name=ticketing", f"=response=00{'0' * 32}", replies=2)

    assert said == [["!trap", "=message=cannot log in"], ["!done"]]


def test_a_challenge_is_valid_for_one_response(start_router: StartRouter, connect: Connect) -> None:
    wire = connect(start_router("6.42.12"))
    ((_, ret),) = wire.ask("/login")
    answer = response("simulator-password", bytes.fromhex(ret.removeprefix("=ret=")))
    wire.ask("/login", "=name=nobody", f"=response={answer}", replies=2)

    again = wire.ask("/login", "=name=ticketing", f"=response={answer}")

    assert again[0][0] == "!done"
    assert again[0][1].startswith("=ret=")


def test_the_answer_to_a_known_challenge() -> None:
    challenged = bytes.fromhex("00112233445566778899aabbccddeeff")

    assert response("pw", challenged) == "008e656b13eedbb868d58fddcb551be7bd"


def test_a_lenient_router_challenges_a_bare_login(
    router: RouterOsSimulator, connect: Connect
) -> None:
    router.faults.lenient_login = True

    ((word, ret),) = connect(router).ask("/login")

    assert (word, len(ret)) == ("!done", len("=ret=") + 32)


def test_an_account_without_the_api_policy_stays_out(
    start_router: StartRouter, connect: Connect
) -> None:
    barred = ApiAccount("guest", "guest", frozenset({"read", "write"}))
    wire = connect(start_router(accounts=(barred,)))

    said = wire.ask("/login", "=name=guest", "=password=guest", replies=2)

    assert said[0][0] == "!trap"


def test_a_read_only_account_can_read_and_not_write(
    start_router: StartRouter, connect: Connect
) -> None:
    reader = ApiAccount("reader", "reader", frozenset({"api", "read"}))
    wire = connect(start_router(accounts=(reader,)))
    wire.ask("/login", "=name=reader", "=password=reader")

    added = wire.ask(f"{USER}/add", "=name=u1", replies=2)
    restarted = wire.ask("/system/reboot", replies=2)
    looked = wire.ask("/system/identity/print", replies=2)

    assert added[0] == ["!trap", "=message=not enough permissions (9)"]
    assert restarted[0] == ["!trap", "=message=not enough permissions (9)"]
    assert looked[0] == ["!re", "=name=MikroTik"]


def test_passwords_are_shown_to_sensitive_accounts_only(
    start_router: StartRouter, connect: Connect
) -> None:
    plain = ApiAccount("plain", "plain", frozenset({"api", "read", "write"}))
    wire = connect(start_router(accounts=(plain,)))
    wire.ask("/login", "=name=plain", "=password=plain")
    wire.ask(f"{USER}/add", "=name=u1", "=password=hidden")

    shown = wire.ask(f"{USER}/print", "=.proplist=name,password", "?name=u1", replies=2)

    assert shown == [["!re", "=name=u1"], ["!done"]]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["/ip/hotspto/user/add", "=name=u"], "no such command prefix"),
        ([f"{USER}/frobnicate"], "no such command"),
        (["/system/clock/remove"], "no such command"),
        (["/ip/hotspot/active/set", "=.id=*1"], "no such command"),
        (["/ip/hotspot/cookie/add", "=user=u"], "no such command"),
        ([f"{USER}/add", "=name=u", "=colour=red"], "unknown parameter colour"),
        ([f"{USER}/add", "=name=u", "=uptime=1h"], "unknown parameter uptime"),
        ([f"{USER}/add", "=name=u", "=profile=2h"], "input does not match any value of profile"),
        (
            [f"{USER}/add", "=name=u", "=profile=1"],
            "ambiguous value of profile, more than one possible value matches input",
        ),
        (
            [f"{USER}/add", "=name=u", "=limit-uptime="],
            "invalid time value for argument limit-uptime",
        ),
        (
            [f"{USER}/add", "=name=u", "=limit-bytes-total=lots"],
            "invalid value for argument limit-bytes-total",
        ),
        ([f"{USER}/add", "=name=u", "=disabled=maybe"], "invalid value for argument disabled"),
        ([f"{USER}/add", "=name=u", "=server=cafe"], "input does not match any value of server"),
        ([f"{USER}/add"], "missing =name="),
        ([f"{USER}/set", "=comment=x"], "missing =.id="),
        ([f"{USER}/remove", "=.id=*99"], "no such item"),
        ([f"{USER}/remove", "=.id=*1"], "failure: can not remove default item"),
        ([f"{USER}/print", "=frm=x"], "unknown parameter frm"),
        ([f"{USER}/print", "?#|"], "not enough values on the query stack"),
        ([f"{USER}/print", "?#x"], "unknown query operation"),
        ([f"{USER}/print", "nonsense"], "unknown parameter"),
    ],
)
def test_a_refused_command_has_the_message_of_routeros(
    raw_client: RawApiClient, words: list[str], message: str
) -> None:
    trap, end = raw_client.ask(*words, ".tag=t", replies=2)

    assert trap[:2] == ["!trap", ".tag=t"]
    assert trap[-1] == f"=message={message}"
    assert end == ["!done", ".tag=t"]


def test_a_user_name_is_unique_on_a_server(raw_client: RawApiClient) -> None:
    raw_client.ask(f"{USER}/add", "=name=u1")

    again = raw_client.ask(f"{USER}/add", "=name=u1", replies=2)
    other_case = raw_client.ask(f"{USER}/add", "=name=U1")
    other_server = raw_client.ask(f"{USER}/add", "=name=u1", "=server=hotspot1")

    duplicate = "=message=failure: already have user with this name for this server"
    assert again == [["!trap", duplicate], ["!done"]]
    assert other_case == [["!done", "=ret=*3"]]
    assert other_server == [["!done", "=ret=*4"]]


def test_a_row_cannot_be_renamed_to_another_ones_name(raw_client: RawApiClient) -> None:
    raw_client.ask(f"{USER}/add", "=name=u1")
    raw_client.ask(f"{USER}/add", "=name=u2")

    refused = raw_client.ask(f"{USER}/set", "=numbers=u2", "=name=u1", replies=2)
    renamed = raw_client.ask(f"{USER}/set", "=.id=*3", "=name=u3")
    free_again = raw_client.ask(f"{USER}/add", "=name=u2")

    assert refused[0][0] == "!trap"
    assert renamed == [["!done"]]
    assert free_again == [["!done", "=ret=*4"]]


def test_an_id_is_never_used_again(raw_client: RawApiClient) -> None:
    raw_client.ask(f"{USER}/add", "=name=u1")
    raw_client.ask(f"{USER}/remove", "=.id=*2")

    assert raw_client.ask(f"{USER}/add", "=name=u1") == [["!done", "=ret=*3"]]


def test_a_list_of_ids_is_worked_off_until_one_is_missing(
    router: RouterOsSimulator, raw_client: RawApiClient
) -> None:
    for name in ("u1", "u2", "u3"):
        raw_client.ask(f"{USER}/add", f"=name={name}")

    said = raw_client.ask(f"{USER}/remove", "=.id=*2,*99,*4", replies=2)

    assert said[0] == ["!trap", "=category=0", "=message=no such item"]
    assert [user["name"] for user in router.users()] == ["u2", "u3"]


def test_rows_are_switched_off_and_on(router: RouterOsSimulator, raw_client: RawApiClient) -> None:
    raw_client.ask(f"{USER}/add", "=name=u1")

    raw_client.ask(f"{USER}/disable", "=numbers=u1")
    off = router.users()[0]["disabled"]
    raw_client.ask(f"{USER}/enable", "=.id=*2")
    on = router.users()[0]["disabled"]

    assert (off, on) == ("true", "false")


def test_values_are_printed_in_the_routers_own_form(raw_client: RawApiClient) -> None:
    raw_client.ask(
        f"{USER}/add",
        "=name=u1",
        "=password=a=b",
        "=limit-uptime=1:30:00",
        "=limit-bytes-total=007",
        "=disabled=yes",
        "=comment",
        "=email=",
    )

    row, _ = raw_client.ask(f"{USER}/print", "=detail", "?name=u1", replies=2)

    assert {"=limit-uptime=1h30m", "=limit-bytes-total=7", "=disabled=true"} <= set(row)
    assert "=password=a=b" in row
    assert not [word for word in row if word.startswith(("=comment", "=email", "=server"))]


@pytest.mark.parametrize(
    ("typed", "seconds", "printed"),
    [
        ("0", 0, "0s"),
        ("59", 59, "59s"),
        ("3600", 3600, "1h"),
        ("90m", 5400, "1h30m"),
        ("1:00:00", 3600, "1h"),
        ("00:05", 300, "5m"),
        ("1d 02:03:04", 93_784, "1d2h3m4s"),
        ("1w2d3h4m5s", 788_645, "1w2d3h4m5s"),
    ],
)
def test_times_are_typed_in_many_ways_and_printed_in_one(
    typed: str, seconds: int, printed: str
) -> None:
    assert parse_duration(typed) == seconds
    assert format_duration(seconds) == printed


@pytest.mark.parametrize("typed", ["", "soon", "1h 5", "-1", "1:2", "5x"])
def test_an_invalid_duration_is_refused(typed: str) -> None:
    assert parse_duration(typed) is None


@pytest.mark.parametrize(
    ("queries", "names"),
    [
        ([], "abc"),
        (["?name=b"], "b"),
        (["?=name=b"], "b"),
        (["?.id=*3"], "b"),
        (["?comment"], "a"),
        (["?-comment"], "bc"),
        (["?limit-uptime=00:05:00"], "b"),
        (["?limit-uptime=300"], "b"),
        (["?>limit-uptime=4m"], "bc"),
        (["?<limit-uptime=1h"], "b"),
        (["?>limit-bytes-total=9"], "c"),
        (["?name=a", "?name=b", "?#|"], "ab"),
        (["?name=a", "?name=b", "?name=c", "?#||"], "abc"),
        (["?name=a", "?#!"], "bc"),
        (["?profile=1h", "?name=a"], "a"),
        (["?profile=1h", "?comment", "?#!&"], "b"),
        (["?name=a", "?name=b", "?#1"], "a"),
        (["?name=a", "?#."], "a"),
        (["?name=a", "?name=b", "?#1.!&|"], "ab"),
        (["?nothing=1"], ""),
    ],
)
def test_queries_choose_rows(raw_client: RawApiClient, queries: list[str], names: str) -> None:
    raw_client.ask(f"{USER}/add", "=name=a", "=profile=1h", "=comment=tk")
    raw_client.ask(
        f"{USER}/add", "=name=b", "=profile=1h", "=limit-uptime=5m", "=limit-bytes-total=9"
    )
    raw_client.ask(
        f"{USER}/add", "=name=c", "=profile=1d", "=limit-uptime=2h", "=limit-bytes-total=10"
    )

    raw_client.send([f"{USER}/print", "=.proplist=name", "?profile=default", "?#!", *queries])
    said = raw_client.receive(len(names) + 1 + (not names))

    assert [row[1] for row in said if row[0] == "!re"] == [f"=name={name}" for name in names]


def test_columns_are_returned_as_requested_and_only_with_a_value(raw_client: RawApiClient) -> None:
    raw_client.ask(f"{USER}/add", "=name=u1")

    said = raw_client.ask(f"{USER}/getall", "=.proplist=comment,name,.id", replies=3)

    assert said == [
        ["!re", "=comment=counters and limits for trial users", "=name=default-trial", "=.id=*1"],
        ["!re", "=name=u1", "=.id=*2"],
        ["!done"],
    ]


def test_rows_can_be_counted_only(raw_client: RawApiClient) -> None:
    assert raw_client.ask(f"{USER}/print", "=count-only=") == [["!done", "=ret=1"]]


@pytest.mark.parametrize(
    ("version", "sentences"),
    [("7.17.2", [["!done", ".tag=1"]]), ("7.18", [["!empty", ".tag=1"], ["!done", ".tag=1"]])],
)
def test_an_empty_result_is_reported_since_7_18(
    start_router: StartRouter, connect: Connect, version: str, sentences: list[list[str]]
) -> None:
    wire = connect(start_router(version))
    wire.ask("/login", "=name=ticketing", "=password=simulator-password")

    heard = wire.ask(f"{USER}/print", "?name=nobody", ".tag=1", replies=len(sentences))

    assert heard == sentences


@pytest.mark.parametrize(("version", "date"), [("7.9.2", "dec/12/2026"), ("7.10", "2026-12-12")])
def test_dates_changed_in_7_10(
    start_router: StartRouter, connect: Connect, version: str, date: str
) -> None:
    wire = connect(start_router(version))
    wire.ask("/login", "=name=ticketing", "=password=simulator-password")

    row, _ = wire.ask("/system/clock/print", replies=2)

    assert {f"=date={date}", "=time=08:30:00", "=gmt-offset=+07:00"} <= set(row)


def test_a_session_ends_on_request(raw_client: RawApiClient) -> None:
    assert raw_client.ask("/quit") == [["!fatal", "session terminated on request"]]
    assert raw_client.is_closed()


def test_a_waiting_command_can_be_cancelled(
    router: RouterOsSimulator, raw_client: RawApiClient
) -> None:
    router.faults.command_seconds = 0.1
    raw_client.send(
        [f"{USER}/add", "=name=u1", ".tag=1"],
        [f"{USER}/add", "=name=u2", ".tag=2"],
        ["/cancel", "=tag=2", ".tag=3"],
    )

    said = raw_client.receive(4)

    assert said == [
        ["!done", ".tag=3"],
        ["!done", ".tag=1", "=ret=*2"],
        ["!trap", ".tag=2", "=category=2", "=message=interrupted"],
        ["!done", ".tag=2"],
    ]
    assert [user["name"] for user in router.users()] == ["u1"]


def test_replies_may_be_interleaved_each_in_its_own_order(
    router: RouterOsSimulator, raw_client: RawApiClient
) -> None:
    router.faults.interleaved = True
    raw_client.send(
        ["/ip/hotspot/user/profile/print", "=.proplist=name", ".tag=p"],
        ["/system/identity/print", ".tag=i"],
    )

    said = raw_client.receive(6)

    assert [row[1] for row in said] == [".tag=p", ".tag=i", ".tag=p", ".tag=i", ".tag=p", ".tag=p"]
    assert [row[2] for row in said if row[:2] == ["!re", ".tag=p"]] == [
        "=name=default",
        "=name=1h",
        "=name=1day",
    ]


def test_a_busy_router_works_on_one_command_after_the_other(
    router: RouterOsSimulator, raw_client: RawApiClient
) -> None:
    router.faults.command_seconds = 0.005
    begun = time.monotonic()

    raw_client.send(*([f"{USER}/add", f"=name=u{number}"] for number in range(40)))
    raw_client.receive(40)

    assert time.monotonic() - begun >= 0.2


def test_queued_commands_of_a_dropped_connection_are_not_executed(
    router: RouterOsSimulator, raw_client: RawApiClient
) -> None:
    router.faults.command_seconds = 0.01
    router.faults.add(RouterFault("drop", "user/add", skip=1))

    raw_client.send(*([f"{USER}/add", f"=name=u{number}"] for number in range(4)))
    said = raw_client.receive(4)

    assert said == [["!done", "=ret=*2"]]
    assert [user["name"] for user in router.users()] == ["u0"]


def test_a_fault_applies_only_to_the_commands_it_names(
    router: RouterOsSimulator, raw_client: RawApiClient
) -> None:
    router.faults.add(RouterFault("bare-trap", "user/add", times=2))

    said = raw_client.ask("/system/identity/print", replies=2)
    raw_client.send(*([f"{USER}/add", f"=name=u{number}"] for number in range(3)))

    assert said[0] == ["!re", "=name=MikroTik"]
    assert raw_client.receive(5) == [
        ["!trap"],
        ["!done"],
        ["!trap"],
        ["!done"],
        ["!done", "=ret=*2"],
    ]


def test_pending_faults_can_be_cleared(router: RouterOsSimulator, raw_client: RawApiClient) -> None:
    router.faults.add(RouterFault("drop"))

    router.faults.clear()

    assert raw_client.ask(f"{USER}/add", "=name=u1") == [["!done", "=ret=*2"]]


def test_an_unknown_fault_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown fault 'meteor'"):
        RouterFault("meteor")  # type: ignore[arg-type]


def test_a_slow_connection_delays_pipelined_commands_once(
    router: RouterOsSimulator, raw_client: RawApiClient
) -> None:
    router.faults.distance_seconds = 0.1
    begun = time.monotonic()

    raw_client.send(*([f"{USER}/add", f"=name=u{number}"] for number in range(600)))
    raw_client.receive(600)

    assert 0.1 <= time.monotonic() - begun < 60


def test_a_long_table_takes_its_time(router: RouterOsSimulator, raw_client: RawApiClient) -> None:
    router.faults.row_seconds = 0.1
    begun = time.monotonic()

    raw_client.ask(f"{USER}/print", "=count-only=")
    raw_client.ask("/system/identity/print", replies=2)

    assert time.monotonic() - begun >= 0.1


def test_a_user_logs_in_on_as_many_devices_as_the_profile_allows(
    router: RouterOsSimulator, raw_client: RawApiClient
) -> None:
    router.add_user("sari", **(SARI | {"profile": "1day"}))
    router.log_in("sari", "pw", "AA")
    router.log_in("sari", "pw", "BB")

    with pytest.raises(Trap, match="no more sessions are allowed for user sari"):
        router.log_in("sari", "pw", "CC")
    with pytest.raises(Trap, match="invalid username or password"):
        router.log_in("sari", "wrong", "CC")

    assert router.online_users() == ["sari", "sari"]
    said = raw_client.ask("/ip/hotspot/active/print", "=.proplist=user,mac-address", replies=3)
    assert said[:2] == [
        ["!re", "=user=sari", "=mac-address=AA"],
        ["!re", "=user=sari", "=mac-address=BB"],
    ]


def test_a_person_can_be_logged_in_through_the_api(
    router: RouterOsSimulator, raw_client: RawApiClient
) -> None:
    router.add_user("sari", **SARI)

    said = raw_client.ask(
        "/ip/hotspot/active/login", "=user=sari", "=password=pw", "=mac-address=AA", "=ip=10.5.50.9"
    )

    assert said == [["!done", "=ret=*1"]]
    assert router.online_users() == ["sari"]


def test_online_time_is_counted_and_ends_at_its_limit(
    router: RouterOsSimulator, raw_client: RawApiClient, clock: StoppedClock
) -> None:
    router.add_user("sari", **SARI, limit_uptime="1h")
    router.log_in("sari", "pw", "AA")

    clock.forward(minutes=40)
    row, _ = raw_client.ask(
        "/ip/hotspot/active/print", "=.proplist=uptime,session-time-left", replies=2
    )
    clock.forward(minutes=20)
    online = router.online_users()

    assert row == ["!re", "=uptime=40m", "=session-time-left=20m"]
    assert online == []
    assert router.users()[0]["uptime"] == "1h"
    with pytest.raises(Trap, match="user sari has reached uptime limit"):
        router.log_in("sari", "pw", "AA")


def test_traffic_is_counted_and_ends_at_its_limit(
    router: RouterOsSimulator, raw_client: RawApiClient
) -> None:
    router.add_user("sari", **SARI, limit_bytes_total="1000")
    router.log_in("sari", "pw", "AA")

    router.add_traffic("sari", bytes_in=400, bytes_out=600)

    assert router.online_users() == []
    with pytest.raises(Trap, match="user sari has reached traffic limit"):
        router.log_in("sari", "pw", "AA")
    raw_client.ask(f"{USER}/reset-counters", "=numbers=sari")
    router.log_in("sari", "pw", "AA")
    assert router.online_users() == ["sari"]


def test_a_removed_user_stays_online(router: RouterOsSimulator, raw_client: RawApiClient) -> None:
    router.add_user("sari", **SARI)
    router.log_in("sari", "pw", "AA")

    raw_client.ask(f"{USER}/remove", "=numbers=sari")

    assert router.users() == []
    assert router.online_users() == ["sari"]
    assert router.cookies() == ["sari"]


def test_a_disconnected_device_logs_in_again_by_its_cookie(
    router: RouterOsSimulator, raw_client: RawApiClient
) -> None:
    router.add_user("sari", **SARI)
    router.log_in("sari", "pw", "AA")

    raw_client.ask("/ip/hotspot/active/remove", "=.id=*1")

    said = raw_client.ask("/ip/hotspot/active/print", "=.proplist=.id,login-by", replies=2)
    assert said[0] == ["!re", "=.id=*2", "=login-by=mac-cookie"]


def test_a_device_does_not_log_in_again_when_its_time_is_used_up(
    router: RouterOsSimulator, raw_client: RawApiClient, clock: StoppedClock
) -> None:
    router.add_user("sari", **SARI, limit_uptime="1h")
    router.log_in("sari", "pw", "AA")
    clock.forward(hours=2)
    raw_client.ask("/ip/hotspot/active/print", replies=2)

    assert router.run_in_loop(lambda: router.machine.hotspot.log_in_by_cookie("AA")) is None
    assert router.users()[0]["uptime"] == "1h"
    assert router.cookies() == ["sari"]


def test_a_disabled_user_does_not_log_in_again(
    router: RouterOsSimulator, raw_client: RawApiClient
) -> None:
    router.add_user("sari", **SARI)
    router.log_in("sari", "pw", "AA")

    raw_client.ask(f"{USER}/disable", "=numbers=sari")
    raw_client.ask("/ip/hotspot/active/remove", "=.id=*1")

    assert router.online_users() == []


def test_cookies_expire(
    router: RouterOsSimulator, raw_client: RawApiClient, clock: StoppedClock
) -> None:
    router.add_user("sari", **SARI)
    router.log_in("sari", "pw", "AA")

    clock.forward(days=3)
    raw_client.ask("/system/identity/print", replies=2)
    raw_client.ask("/ip/hotspot/cookie/print", replies=2)

    assert router.cookies() == []


def test_a_restart_ends_sessions_and_keeps_what_is_configured(
    router: RouterOsSimulator, raw_client: RawApiClient, clock: StoppedClock
) -> None:
    router.add_user("sari", **SARI)
    router.log_in("sari", "pw", "AA")
    clock.forward(minutes=5)

    router.restart()

    assert raw_client.is_closed()
    assert router.online_users() == []
    assert router.cookies() == ["sari"]
    assert [(user["name"], user["uptime"]) for user in router.users()] == [("sari", "5m")]


def test_a_router_without_power_refuses_and_is_back_on_the_same_port(
    router: RouterOsSimulator, connect: Connect
) -> None:
    router.power_off()
    with pytest.raises(ConnectionRefusedError):
        connect(router)

    router.power_on()

    assert connect(router).ask("/login", "=name=ticketing", "=password=simulator-password") == [
        ["!done"]
    ]


def test_a_restart_by_command_takes_a_second(
    router: RouterOsSimulator, raw_client: RawApiClient, connect: Connect
) -> None:
    assert raw_client.ask("/system/reboot") == [["!done"]]
    assert raw_client.is_closed()

    with pytest.raises(ConnectionRefusedError):
        connect(router)


def test_a_reset_deletes_everything_and_restarts_the_ids(
    router: RouterOsSimulator, raw_client: RawApiClient
) -> None:
    raw_client.ask(f"{USER}/add", "=name=u1")
    raw_client.ask("/system/identity/set", "=name=cafe")

    router.reset()

    assert router.users() == []
    assert raw_client.ask("/system/identity/print", replies=2)[0] == ["!re", "=name=MikroTik"]
    assert raw_client.ask(f"{USER}/add", "=name=u2") == [["!done", "=ret=*2"]]


def test_a_reset_by_command_restarts_the_router(
    router: RouterOsSimulator, raw_client: RawApiClient, connect: Connect
) -> None:
    raw_client.ask(f"{USER}/add", "=name=u1")

    assert raw_client.ask("/system/reset-configuration") == [["!done"]]
    assert raw_client.is_closed()
    assert router.users() == []
    with pytest.raises(ConnectionRefusedError):
        connect(router)


def test_the_twenty_first_connection_is_refused(
    router: RouterOsSimulator, connect: Connect
) -> None:
    for _ in range(20):
        connect(router).ask("/login", "=name=ticketing", "=password=simulator-password")

    assert connect(router).is_closed()


def test_scripts_and_schedules_are_kept(raw_client: RawApiClient) -> None:
    added = raw_client.ask(
        "/system/scheduler/add", "=name=sweep", "=interval=2m", "=on-event=:put 1"
    )

    removed = raw_client.ask("/system/scheduler/remove", "=numbers=sweep")

    assert (added, removed) == ([["!done", "=ret=*1"]], [["!done"]])


def test_tls_carries_the_same(
    start_router: StartRouter, server_tls_context: ssl.SSLContext, ca_certificate: str
) -> None:
    router = start_router(tls=server_tls_context)
    context = ssl.create_default_context(cadata=ca_certificate)

    with (
        socket.create_connection((router.host, router.tls_port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname=router.host) as secret,
    ):
        secret.sendall(
            encode_sentence([b"/login", b"=name=ticketing", b"=password=simulator-password"])
        )

        assert secret.recv(100) == encode_sentence([b"!done"])
