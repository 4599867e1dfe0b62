"""Every command gets one safe reply, for any reply of the router and any break of the connection.

The router is a script below routeros-api's socket, so that each byte it sends can be chosen.
"""

import traceback
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from routeros_api.api import RouterOsApi
from routeros_api.api_communicator import ApiCommunicator
from routeros_api.api_socket import SocketWrapper
from routeros_api.base_api import Connection

from simulators.routeros.wire import SentenceReader, encode_sentence
from ticketing.platform.kernel.errors import OutcomeUnknown, RouterRefused, RouterUnavailable
from ticketing.routers.routeros.buffered_socket import BufferedSocket
from ticketing.routers.routeros.command import CommandReply, RouterCommand
from ticketing.routers.routeros.exchange import WINDOW, CommandExchange, describe_break

if TYPE_CHECKING:
    import socket

Script = Callable[[list[bytes]], bytes]
ENDINGS: dict[str, tuple[list[bytes], str | None]] = {  # replies to a command, what they mean
    "done": ([], None),
    "trap": ([b"=message=out of memory"], "out of memory"),
    "trap without words": ([b"=message="], "no reason given"),
    "trap without a message": ([b"=category=2"], "no reason given"),
}


class ScriptedRouter:
    """Stands for the socket: answers, with the bytes of a script, the tags that wait."""

    def __init__(self, script: Script, piece_size: int = 1 << 16) -> None:
        self.commands: list[list[bytes]] = []
        self._script, self._piece_size = script, piece_size
        self._reader, self._waiting = SentenceReader(), list[bytes]()
        self._bytes = b""

    def sendall(self, data: bytes) -> None:
        for words in self._reader.feed(data):
            self.commands.append(words)
            self._waiting.append(words[-1])

    def recv(self, _size: int) -> bytes:
        if not self._bytes:
            self._bytes = self._script(self._waiting)
        piece, self._bytes = self._bytes[: self._piece_size], self._bytes[self._piece_size :]
        return piece

    def close(self) -> None:
        self._bytes = b""


def additions(count: int) -> list[RouterCommand]:
    return [
        RouterCommand("/ip/hotspot/user/add", {"name": f"u{number}"}, repeatable=False)
        for number in range(count)
    ]


def execute(router: ScriptedRouter, commands: list[RouterCommand]) -> list[CommandReply]:
    """Execute commands as a connection does."""
    connection = BufferedSocket(cast("socket.socket", router))
    api = RouterOsApi(ApiCommunicator(Connection(SocketWrapper(connection))))
    exchange = CommandExchange("cafe", api, connection, commands)
    try:
        exchange.run()
    except Exception as error:  # noqa: BLE001 - as a connection does
        connection.close()
        exchange.fail_open_commands(describe_break(error))
    return exchange.replies


def answer_all(waiting: list[bytes]) -> bytes:
    done = b"".join(encode_sentence([b"!done", tag]) for tag in waiting)
    waiting.clear()
    return done


def to_tag(number: int) -> bytes:
    return b".tag=%d" % (number + 1)


@given(st.integers(1, 3 * WINDOW), st.integers(1, 40), st.data())
def test_replies_in_any_order_are_matched_to_their_commands(
    count: int, piece_size: int, data: st.DataObject
) -> None:
    endings = data.draw(st.lists(st.sampled_from(list(ENDINGS)), min_size=count, max_size=count))

    def answer_some(waiting: list[bytes]) -> bytes:
        size = data.draw(st.integers(1, len(waiting)))
        chosen, waiting[:] = waiting[:size][::-1], waiting[size:]
        return b"".join(_end(tag, endings[int(tag[5:]) - 1]) for tag in chosen)

    replies = execute(ScriptedRouter(answer_some, piece_size), additions(count))

    told = [str(each.error) if each.error else None for each in replies]
    meant = [ENDINGS[each][1] for each in endings]
    assert told == [f"router cafe: {each}" if each else None for each in meant]
    assert {type(each.error) for each in replies} <= {type(None), RouterRefused}


def _end(tag: bytes, ending: str) -> bytes:
    trap = encode_sentence([b"!trap", *ENDINGS[ending][0], tag]) if ending != "done" else b""
    return trap + encode_sentence([b"!done", tag])


@given(st.integers(1, 3 * WINDOW), st.integers(0, WINDOW))
def test_a_lost_connection_leaves_only_sent_commands_unknown(count: int, answered: int) -> None:
    pieces: Iterator[int] = iter([answered, 0])

    def answer_then_hang_up(waiting: list[bytes]) -> bytes:
        size = next(pieces)
        return answer_all(waiting[:size])

    router = ScriptedRouter(answer_then_hang_up)

    replies = execute(router, additions(count))

    sent, answered = len(router.commands), min(answered, count, WINDOW)
    assert [type(each.error) for each in replies] == (
        [type(None)] * answered
        + [OutcomeUnknown] * (sent - answered)
        + [RouterUnavailable] * (count - sent)
    )
    assert sent - answered <= WINDOW


def test_a_reply_that_came_before_the_break_counts() -> None:
    pieces = iter([encode_sentence([b"!done", to_tag(2)]), b""])

    replies = execute(ScriptedRouter(lambda _: next(pieces)), additions(3))

    assert [type(each.error) for each in replies] == [OutcomeUnknown, OutcomeUnknown, type(None)]


def test_a_repeatable_command_never_has_an_unknown_outcome() -> None:
    (reply,) = execute(ScriptedRouter(lambda _: b""), [RouterCommand("/ip/hotspot/user/print")])

    assert isinstance(reply.error, RouterUnavailable)
    assert str(reply.error) == "router cafe: no answer (the router closed the connection)"


@pytest.mark.parametrize(
    "answer",
    [
        encode_sentence([b"!done"]),
        encode_sentence([b"!done", b".tag=99"]),
        encode_sentence([b"!done", b".tag=x"]),
        encode_sentence([b"!trap", b".tag=99"]),
        encode_sentence([b"!trap"]),
        encode_sentence([b"!trap", b"=x=.tag=2", to_tag(0)]),
        encode_sentence([b"!trap", b"what", to_tag(0)]),
        encode_sentence([b"what", to_tag(0)]),
        encode_sentence([b"!re", b"=caf\xe9=1", to_tag(0)]),
        encode_sentence([b"!fatal", b"session terminated"]),
        encode_sentence([b"!fatal", to_tag(0)]),
        b"\xf8",
        bytes.fromhex("f07fffffff"),
    ],
)
def test_after_a_reply_that_cannot_be_understood_nothing_counts_as_done(answer: bytes) -> None:
    replies = execute(ScriptedRouter(lambda waiting: answer + answer_all(waiting)), additions(3))

    assert {type(each.error) for each in replies} == {OutcomeUnknown}


def test_the_reason_of_a_fatal_reply_is_told() -> None:
    fatal = encode_sentence([b"!fatal", b"session terminated on request"])

    replies = execute(ScriptedRouter(lambda _: fatal), additions(1))

    assert "session terminated on request" in str(replies[0].error)


def test_a_refusal_waits_for_the_end_of_its_command() -> None:
    pieces = iter([encode_sentence([b"!trap", b"=message=out of memory", to_tag(0)]), b""])

    (reply,) = execute(ScriptedRouter(lambda _: next(pieces)), additions(1))

    assert isinstance(reply.error, OutcomeUnknown)


def test_rows_have_the_names_of_the_router_and_any_text() -> None:
    row = [b"!re", b"=.id=*1", b"=comment=caf\xe9", b"=limit-uptime=", b"=note=a=b\n"]

    def answer(waiting: list[bytes]) -> bytes:
        return encode_sentence([*row, waiting[0]]) + answer_all(waiting)

    (reply,) = execute(ScriptedRouter(answer), [RouterCommand("/ip/hotspot/user/print")])

    assert reply.rows == [
        {".id": "*1", "comment": "caf\ufffd", "limit-uptime": "", "note": "a=b\n"}
    ]


def test_a_command_is_sent_with_its_queries_in_order_and_without_empty_values() -> None:
    router = ScriptedRouter(answer_all)
    attributes = {"name": "u", "limit-uptime": "", ".proplist": ".id,name"}
    queries = ("?name=a", "?name=b", "?#|")

    execute(router, [RouterCommand("/ip/hotspot/user/print", attributes, queries)])

    assert router.commands == [
        [
            b"/ip/hotspot/user/print",
            b"=name=u",
            b"=.proplist=.id,name",
            *[query.encode() for query in queries],
            to_tag(0),
        ]
    ]


def test_a_window_of_commands_is_sent_at_once() -> None:
    writes: list[int] = []

    class CountingRouter(ScriptedRouter):
        def sendall(self, data: bytes) -> None:
            super().sendall(data)
            writes.append(len(self.commands))

    execute(CountingRouter(answer_all), additions(WINDOW + 1))

    assert writes == [WINDOW, WINDOW + 1]


def test_the_error_of_a_refusal_does_not_lead_to_the_command() -> None:
    def refuse(waiting: list[bytes]) -> bytes:
        return encode_sentence([b"!trap", b"=message=no", waiting[0]]) + answer_all(waiting)

    secret = RouterCommand("/ip/hotspot/user/add", {"password": "secret-abc"}, repeatable=False)
    (reply,) = execute(ScriptedRouter(refuse), [secret])

    assert reply.error
    assert "secret" not in "".join(traceback.format_exception(reply.error))
