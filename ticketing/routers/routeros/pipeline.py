"""Pipelining of commands: windows of commands to send, and replies in any order.

The socket belongs to `connection.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from ticketing.platform.kernel.errors import OutcomeUnknown, RouterUnavailable, TicketingError
from ticketing.routers.routeros.errors import error_from_trap, redact
from ticketing.routers.routeros.protocol import ProtocolError, encode_sentence

# Commands without a reply when a connection breaks are read back: a few calls at this size.
# The window covers the latency of the network and, on a busy machine, of the scheduler: with 64
# an instant router was idle a third of the time.
_WINDOW = 256
_REFILL = 128

_PUBLIC = {"profile", "limit-uptime", "limit-bytes-total", "disabled", ".id", ".proplist"}

ReplyRow = dict[str, str]


class FatalReply(Exception):
    """The router ended the connection with `!fatal`."""


@dataclass(frozen=True, slots=True)
class RouterCommand:
    """A sentence for a router. `repeatable`: it may be sent again without reading back."""

    word: str
    attributes: dict[str, str] = field(default_factory=dict, repr=False)
    queries: tuple[str, ...] = field(default=(), repr=False)
    repeatable: bool = True

    def encode(self, tag: int) -> bytes:
        """Return its bytes; RouterOS refuses empty times and numbers, so they are omitted."""
        given = [f"={name}={value}" for name, value in self.attributes.items() if value]
        return encode_sentence([self.word, *given, *self.queries, f".tag={tag}"])

    @property
    def secrets(self) -> list[str]:
        """Values that must not appear in a message."""
        query_values = [query.partition("=")[2] for query in self.queries]
        return query_values + [
            value for name, value in self.attributes.items() if name not in _PUBLIC
        ]


@dataclass(slots=True)
class CommandReply:
    """A router's reply to a command; `error` if it refused or did not reply."""

    rows: list[ReplyRow] = field(default_factory=list)
    ret: str = ""
    error: TicketingError | None = None
    is_done: bool = False

    def raise_for_error(self) -> "CommandReply":
        """Return the reply; raise its error if it has one."""
        if self.error:
            raise self.error
        return self


class CommandPipeline:
    """Commands sent in windows, and their replies in any order."""

    def __init__(self, router: str, commands: Sequence[RouterCommand], first_tag: int) -> None:
        """`router` is the name used in messages; tags count up from `first_tag`."""
        self.replies = [CommandReply() for _ in commands]
        self._router = router
        self._commands = commands
        self._first_tag = first_tag
        self._sent = 0
        self._done = 0

    @property
    def is_complete(self) -> bool:
        """Return whether every command has its reply."""
        return self._done == len(self._commands)

    def next_batch(self) -> bytes:
        """Return the bytes to send now, possibly none; their commands count as sent."""
        begins, free = self._sent, _WINDOW - (self._sent - self._done)
        if free < _REFILL:
            return b""
        batch = self._commands[begins : begins + free]
        self._sent += len(batch)
        tag = self._first_tag + begins
        return b"".join([command.encode(tag + n) for n, command in enumerate(batch)])

    def handle_sentence(self, words: list[str]) -> None:
        """Add a sentence to the reply of its command."""
        kind = words[0]
        if kind == "!fatal":
            raise FatalReply(" ".join(words[1:]))
        attributes, tag = _parse_attributes(words)
        number = int(tag) - self._first_tag if tag.isdecimal() else -1
        if not 0 <= number < self._sent or self.replies[number].is_done:
            raise ProtocolError("a reply without a matching command")
        reply = self.replies[number]
        if kind == "!re":
            reply.rows.append(attributes)
        elif kind == "!trap" and reply.error is None:
            secrets = self._commands[number].secrets
            reply.error = error_from_trap(self._router, attributes.get("message", ""), secrets)
        elif kind == "!done":
            reply.ret = attributes.get("ret", "")
            reply.is_done = True
            self._done += 1

    def fail_open_commands(self, reason: str) -> None:
        """Set the error of each open command, according to whether it may have been executed."""
        redacted = redact([secret for each in self._commands for secret in each.secrets], reason)
        for number, (command, reply) in enumerate(zip(self._commands, self.replies, strict=True)):
            if not reply.is_done:
                unknown = number < self._sent and not command.repeatable
                kind = OutcomeUnknown if unknown else RouterUnavailable
                reply.error = kind(f"router {self._router}: no answer ({redacted})")
                reply.is_done = True
        self._done = len(self._commands)


def _parse_attributes(words: list[str]) -> tuple[ReplyRow, str]:
    """Return the attributes of a reply and its tag."""
    attributes, tag = {}, ""
    for word in words:
        if word.startswith("="):
            name, _, value = word[1:].partition("=")
            attributes[name] = value
        elif word.startswith(".tag="):
            tag = word[5:]
    return attributes, tag
