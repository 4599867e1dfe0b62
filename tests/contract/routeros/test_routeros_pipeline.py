"""Every pipelined command gets one safe result, for any reply and any disconnect."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.routeros.values import format_duration
from simulators.routeros.wire import SentenceReader
from ticketing.platform.kernel.errors import OutcomeUnknown, RouterRefused, RouterUnavailable
from ticketing.routers.routeros.errors import RefusalReason, error_from_trap
from ticketing.routers.routeros.parsing import (
    format_seconds,
    parse_clock,
    parse_duration,
    parse_profile,
    parse_user,
)
from ticketing.routers.routeros.pipeline import CommandPipeline, FatalReply, RouterCommand
from ticketing.routers.routeros.protocol import ProtocolError

FIRST_TAG = 7


def additions(count: int) -> list[RouterCommand]:
    return [
        RouterCommand("/ip/hotspot/user/add", {"name": f"u{number}"}, repeatable=False)
        for number in range(count)
    ]


@given(st.integers(1, 700), st.data())
def test_replies_in_any_order_are_matched_to_their_commands(
    count: int, data: st.DataObject
) -> None:
    exchange, sent = CommandPipeline("cafe", additions(count), FIRST_TAG), SentenceReader()
    open_tags: list[str] = []

    while not exchange.is_complete:
        open_tags += [
            words[-1].decode().removeprefix(".tag=") for words in sent.feed(exchange.next_batch())
        ]
        answered = data.draw(st.integers(1, len(open_tags)))
        for tag in reversed(open_tags[:answered]):
            exchange.handle_sentence(["!done", f".tag={tag}", f"=ret=*{tag}"])
        del open_tags[:answered]

    assert [answer.ret for answer in exchange.replies] == [
        f"*{FIRST_TAG + number}" for number in range(count)
    ]
    assert not any(answer.error for answer in exchange.replies)


@given(st.integers(1, 700), st.integers(0, 700))
def test_a_lost_connection_leaves_only_sent_commands_unknown(count: int, answered: int) -> None:
    exchange, sent = CommandPipeline("cafe", additions(count), FIRST_TAG), SentenceReader()
    on_the_way = len(list(sent.feed(exchange.next_batch())))
    answered = min(answered, on_the_way)
    for number in range(answered):
        exchange.handle_sentence(["!done", f".tag={FIRST_TAG + number}"])

    exchange.fail_open_commands("time-out")

    assert [type(answer.error) for answer in exchange.replies] == (
        [type(None)] * answered
        + [OutcomeUnknown] * (on_the_way - answered)
        + [RouterUnavailable] * (count - on_the_way)
    )
    assert exchange.is_complete


def test_a_repeatable_command_never_has_an_unknown_outcome() -> None:
    exchange = CommandPipeline("cafe", [RouterCommand("/ip/hotspot/user/print")], FIRST_TAG)
    exchange.next_batch()

    exchange.fail_open_commands("time-out")

    with pytest.raises(RouterUnavailable, match=r"router cafe: no answer \(time-out\)"):
        exchange.replies[0].raise_for_error()


def test_a_refusal_waits_for_the_end_of_its_command() -> None:
    exchange = CommandPipeline("cafe", additions(1), FIRST_TAG)
    exchange.next_batch()

    exchange.handle_sentence(["!trap", ".tag=7", "=message=failure: out of memory"])
    exchange.handle_sentence(["!trap", ".tag=7", "=message=and another"])
    over_before_its_end = exchange.is_complete
    exchange.handle_sentence(["!done", ".tag=7"])

    assert not over_before_its_end
    assert exchange.is_complete
    with pytest.raises(RouterRefused, match="out of memory"):
        exchange.replies[0].raise_for_error()


@pytest.mark.parametrize("words", [["!done"], ["!done", ".tag=8"], ["!done", ".tag=x"], ["what"]])
def test_a_reply_without_a_command_is_a_protocol_error(words: list[str]) -> None:
    exchange = CommandPipeline("cafe", additions(1), FIRST_TAG)
    exchange.next_batch()

    with pytest.raises(ProtocolError):
        exchange.handle_sentence(words)


def test_a_second_end_of_a_command_is_a_protocol_error() -> None:
    exchange = CommandPipeline("cafe", additions(2), FIRST_TAG)
    exchange.next_batch()
    exchange.handle_sentence(["!done", ".tag=7"])

    with pytest.raises(ProtocolError):
        exchange.handle_sentence(["!done", ".tag=7"])


def test_a_fatal_word_ends_the_connection() -> None:
    exchange = CommandPipeline("cafe", additions(1), FIRST_TAG)

    with pytest.raises(FatalReply, match="session terminated"):
        exchange.handle_sentence(["!fatal", "session terminated"])


def test_empty_values_are_not_sent() -> None:
    command = RouterCommand("/ip/hotspot/user/add", {"name": "u", "limit-uptime": ""})

    assert list(SentenceReader().feed(command.encode(1))) == [
        [b"/ip/hotspot/user/add", b"=name=u", b".tag=1"]
    ]


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("failure: already have user with this name for this server", RefusalReason.NAME_TAKEN),
        ("input does not match any value of profile", RefusalReason.NO_SUCH_PROFILE),
        ("ambiguous value of profile, more than one possible value", RefusalReason.NO_SUCH_PROFILE),
        ("no such item (4)", RefusalReason.NO_SUCH_ITEM),
        ("Not enough permissions (9)", RefusalReason.NOT_PERMITTED),
        ("invalid user name or password (6)", RefusalReason.LOGIN),
        ("cannot log in", RefusalReason.LOGIN),
        ("failure: out of memory", RefusalReason.OTHER),
        ("", RefusalReason.OTHER),
    ],
)
def test_router_messages_are_mapped_to_reasons(message: str, reason: RefusalReason) -> None:
    assert error_from_trap("cafe", message, []).details == {"reason": reason}


@given(st.text(min_size=1), st.text(), st.text())
def test_no_secret_comes_back_in_a_message(secret: str, before: str, after: str) -> None:
    told = str(error_from_trap("", f"{before}{secret}{after}", [secret])).removeprefix("router : ")

    assert secret not in told.replace("…", "") or told == "no reason given"


@given(st.integers(0, 10**8))
def test_a_time_that_a_router_prints_is_read(count: int) -> None:
    assert parse_duration(format_duration(count)).total_seconds() == count


@pytest.mark.parametrize(
    ("text", "count"), [("", 0), ("00:05:07", 307), ("1w2d 03:04:05", 788_645), ("5s250ms", 5)]
)
def test_times_of_other_versions_are_read(text: str, count: int) -> None:
    assert parse_duration(text).total_seconds() == count


@pytest.mark.parametrize("text", ["soon", "1h 5", "1:2"])
def test_an_invalid_duration_is_refused(text: str) -> None:
    with pytest.raises(RouterUnavailable, match="instead of a duration"):
        parse_duration(text)


def test_no_limit_is_no_text() -> None:
    assert (format_seconds(None), format_seconds(parse_duration("1h30m"))) == ("", "5400s")


@pytest.mark.parametrize(
    ("date", "offset"),
    [
        ("2026-12-12", "+07:00"),
        ("dec/12/2026", "+07:00"),
        ("Dec/12/2026", "07:00"),
        ("2026-12-11", "-17:00"),
    ],
)
def test_both_forms_of_a_date_are_one_instant(date: str, offset: str) -> None:
    read = parse_clock({"date": date, "time": "08:30:00", "gmt-offset": offset})

    assert read.isoformat() == "2026-12-12T01:30:00+00:00"


@pytest.mark.parametrize(
    "clock",
    [
        {},
        {"date": "2026-13-12", "time": "08:30:00", "gmt-offset": "+07:00"},
        {"date": "dez/12/2026", "time": "08:30:00", "gmt-offset": "+07:00"},
        {"date": "2026-12-12", "time": "08:30:00", "gmt-offset": "WIB"},
    ],
)
def test_an_invalid_clock_is_refused(clock: dict[str, str]) -> None:
    with pytest.raises(RouterUnavailable, match="invalid date or time"):
        parse_clock(clock)


def test_an_absent_field_of_a_row_is_none() -> None:
    bare = parse_user({".id": "*1", "name": "u"})

    assert (bare.comment, bare.bytes_used, bare.online.seconds, bare.disabled) == ("", 0, 0, False)
    assert parse_profile({"name": "p", "shared-users": "unlimited"}).shared_users is None
    assert parse_profile({"name": "p"}).shared_users == 1
