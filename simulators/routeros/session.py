"""One API connection: login, command queue, replies and faults."""

import asyncio
from collections import deque
from functools import partial
from itertools import count
from typing import Protocol

from simulators.routeros import sentences
from simulators.routeros.accounts import ApiAccount, challenge, response
from simulators.routeros.faults import RouterFault, RouterFaults
from simulators.routeros.lane import SerialQueue
from simulators.routeros.machine import Machine
from simulators.routeros.refusals import (
    BAD_CHALLENGE,
    BAD_LOGIN,
    INTERRUPTED,
    NOT_LOGGED_IN,
    TERMINATED,
    Fatal,
    Trap,
)
from simulators.routeros.sentences import Command
from simulators.routeros.wire import Malformed, SentenceReader

_PLAIN_LOGIN = (6, 43)
_EMPTY_REPLY = (7, 18)


class RouterContext(Protocol):
    """Interface of the router that its connections use."""

    machine: Machine
    faults: RouterFaults
    accounts: dict[str, ApiAccount]
    lane: SerialQueue
    sessions: set["ApiSession"]

    def can_accept(self) -> bool:
        """Return whether another connection is allowed."""

    def reboot(self, seconds: float, *, reset: bool) -> None:
        """Restart the router and listen again after `seconds`."""


class ApiSession(asyncio.Protocol):
    """API connection."""

    _numbers = count(1)

    def __init__(self, context: RouterContext, loop: asyncio.AbstractEventLoop) -> None:
        self._station = context
        self._loop = loop
        self._way = SerialQueue(loop)
        self._sentences = SentenceReader()
        self._account: ApiAccount | None = None
        self._challenge = b""
        self._silent = False
        self._waiting: list[bytes | None] = []  # tags of queued commands
        self._cancelled: list[bytes | None] = []
        self._out: list[bytes] = []
        self._streams: deque[deque[bytes]] = deque()
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Accept a connection; close it silently when there are too many."""
        if not isinstance(transport, asyncio.Transport):
            raise TypeError(transport)
        self._transport = transport
        if self._station.can_accept():
            self._station.sessions.add(self)
        else:
            transport.abort()

    def connection_lost(self, _: Exception | None) -> None:
        """Handle a lost connection; queued commands still run, the harder case for clients."""
        self._station.sessions.discard(self)
        self._way.clear()

    def data_received(self, data: bytes) -> None:
        """Parse received bytes and queue complete commands."""
        try:
            for words in self._sentences.feed(data):
                self._take(words)
        except Malformed:
            self._transport.abort()

    def close(self) -> None:
        """Close the connection after pending replies are sent."""
        self._silent = True
        self._flush()
        self._transport.close()

    def _take(self, words: list[bytes]) -> None:
        if self._silent or self._transport.is_closing():
            return
        tag = sentences.find_tag(words)
        word = words[0].decode("latin-1")
        if word == "/cancel" and self._account:
            self._cancel(words, tag)
            return
        faults = self._station.faults
        fault = faults.take_fault(word)
        seconds = faults.command_seconds + (
            fault.seconds if fault and fault.kind == "slow" else 0.0
        )
        if faults.row_seconds:
            seconds += faults.row_seconds * self._station.machine.count_rows(word)
        self._waiting.append(tag)
        self._station.lane.enqueue(seconds, partial(self._execute, words, tag, fault))

    def _cancel(self, words: list[bytes], tag: bytes | None) -> None:
        wanted = next((word[5:] for word in words if word.startswith(b"=tag=")), None)
        self._cancelled += [each for each in self._waiting if wanted in {None, each}]
        self._send([sentences.encode_reply("!done", {}, tag)])

    def _execute(self, words: list[bytes], tag: bytes | None, fault: RouterFault | None) -> None:
        self._waiting.remove(tag)
        if self._silent:
            return
        if tag in self._cancelled:
            self._cancelled.remove(tag)
            self._send([sentences.encode_trap(Trap("interrupted", INTERRUPTED), tag)])
            return
        if fault is None or fault.kind == "slow":
            self._send(self._answer(words, tag))
        else:
            self._fail(fault, words, tag)

    def _fail(self, fault: RouterFault, words: list[bytes], tag: bytes | None) -> None:
        """Apply a fault: execute the command or not, and reply wrongly or not at all."""
        if fault.kind == "trap":
            self._send([sentences.encode_trap(Trap(fault.message), tag)])
        elif fault.kind == "bare-trap":
            ends = sentences.encode_reply("!done", {}, tag)
            self._send([sentences.encode_reply("!trap", {}, tag) + ends])
        elif fault.kind == "fatal":
            self._end(fault.message)
        elif fault.kind == "drop":
            self._hang_up()
        elif fault.kind == "silence":
            self._silent = True
        else:
            self._act_and_fail(fault, words, tag)

    def _act_and_fail(self, fault: RouterFault, words: list[bytes], tag: bytes | None) -> None:
        answer = b"".join(self._answer(words, tag))
        if fault.kind == "cut":
            self._send([answer[: len(answer) // 2]])
            self._hang_up()
        elif fault.kind == "act-then-drop":
            self._hang_up()
        elif fault.kind == "act-then-silence":
            self._silent = True
        elif fault.kind == "reboot":
            self._station.reboot(fault.seconds, reset=False)

    def _answer(self, words: list[bytes], tag: bytes | None) -> list[bytes]:
        """Execute a command and return its replies in order."""
        try:
            command = sentences.parse_command(words)
            rows, attributes = self._do(command)
        except Trap as refusal:
            return [sentences.encode_trap(refusal, tag)]
        except Fatal as reason:
            self._end(str(reason))
            return []
        replies = [sentences.encode_reply("!re", row, tag) for row in rows]
        if self._is_empty_reply(command, rows, attributes):
            replies.append(sentences.encode_reply("!empty", {}, tag))
        return [*replies, sentences.encode_reply("!done", attributes, tag)]

    def _is_empty_reply(
        self, command: Command, rows: list[dict[str, str]], attributes: dict[str, str]
    ) -> bool:
        new = self._station.machine.number >= _EMPTY_REPLY
        return new and command.verb in {"print", "getall"} and not rows and not attributes

    def _do(self, command: Command) -> tuple[list[dict[str, str]], dict[str, str]]:
        if command.word == "/login":
            return [], self._log_in(command.given)
        if self._account is None:
            raise Fatal(NOT_LOGGED_IN)
        if command.word == "/quit":
            raise Fatal(TERMINATED)
        if command.word in {"/system/reboot", "/system/reset-configuration"}:
            self._account.check(command.verb)
            reset = command.verb == "reset-configuration"
            self._loop.call_soon(partial(self._station.reboot, 1.0, reset=reset))
            return [], {}
        return self._station.machine.execute(command, self._account)

    def _log_in(self, given: dict[str, str]) -> dict[str, str]:
        account = self._station.accounts.get(given.get("name", ""))
        plain = self._station.machine.number >= _PLAIN_LOGIN
        if "response" in given and self._challenge:
            knows = account and given["response"] == response(account.password, self._challenge)
            self._challenge = b""
            self._complete_login(account if knows else None, BAD_CHALLENGE)
            return {}
        if not plain or (self._station.faults.lenient_login and "password" not in given):
            self._challenge = challenge(next(self._numbers))
            return {"ret": self._challenge.hex()}
        knows = account and given.get("password", "") == account.password
        self._complete_login(account if knows else None, BAD_LOGIN)
        return {}

    def _complete_login(self, account: ApiAccount | None, refusal: str) -> None:
        if account is None or "api" not in account.policies:
            raise Trap(refusal)
        self._account = account

    def _end(self, reason: str) -> None:
        self._send([sentences.encode_fatal(reason)])
        self._hang_up()

    def _hang_up(self) -> None:
        """Close the connection after the replies that are already sent."""
        self._silent = True
        self._way.delay(self._station.faults.distance_seconds, self.close)

    def _send(self, replies: list[bytes]) -> None:
        if not replies:
            return
        distance = self._station.faults.distance_seconds
        self._way.delay(distance, partial(self._put, replies))

    def _put(self, replies: list[bytes]) -> None:
        """Buffer replies so that one loop iteration makes one write."""
        if not self._out and not self._streams:
            self._loop.call_soon(self._flush)
        if self._station.faults.interleaved:
            self._streams.append(deque(replies))
        else:
            self._out += replies

    def _flush(self) -> None:
        while self._streams:
            stream = self._streams.popleft()
            self._out.append(stream.popleft())
            if stream:
                self._streams.append(stream)
        if self._out and not self._transport.is_closing():
            self._transport.write(b"".join(self._out))
        self._out.clear()
