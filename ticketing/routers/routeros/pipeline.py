"""Commands under way, and what becomes of each. The socket is the connection's affair."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from ticketing.platform.kernel.errors import OutcomeUnknown, RouterUnavailable, TicketingError
from ticketing.routers.routeros.errors import error_from_trap, redact
from ticketing.routers.routeros.protocol import ProtocolError, encode_sentence

# What is under way when a connection breaks has to be read back: a few questions, at this size.
# It has to cover the way to the router, and on a busy machine the wait for our next turn: with 64
# a router that needs no time stood still a third of the time.
_WINDOW = 256
_REFILL = 128

_PUBLIC = {"profile", "limit-uptime", "limit-bytes-total", "disabled", ".id", ".proplist"}

ReplyRow = dict[str, str]


class FatalReply(Exception):
    """A router's last word on a connection."""


@dataclass(frozen=True, slots=True)
class RouterCommand:
    """A sentence to a router. `repeatable`: whether to ask again, unseen, does no harm."""

    word: str
    attributes: dict[str, str] = field(default_factory=dict, repr=False)
    queries: tuple[str, ...] = field(default=(), repr=False)
    repeatable: bool = True

    def encode(self, tag: int) -> bytes:
        """Its bytes; what is empty is left out, for RouterOS refuses empty times and numbers."""
        given = [f"={name}={value}" for name, value in self.attributes.items() if value]
        return encode_sentence([self.word, *given, *self.queries, f".tag={tag}"])

    @property
    def secrets(self) -> list[str]:
        """What must not come back in a message."""
        asked = [query.partition("=")[2] for query in self.queries]
        return asked + [value for name, value in self.attributes.items() if name not in _PUBLIC]


@dataclass(slots=True)
class CommandReply:
    """What a router said to a command; `error` when it refused, or did not say."""

    rows: list[ReplyRow] = field(default_factory=list)
    ret: str = ""
    error: TicketingError | None = None
    is_done: bool = False

    def raise_for_error(self) -> "CommandReply":
        """The answer; raises its error, if it has one."""
        if self.error:
            raise self.error
        return self


class CommandPipeline:
    """Some commands, sent a window at a time, and the answers as they come, in any order."""

    def __init__(self, router: str, commands: Sequence[RouterCommand], first_tag: int) -> None:
        """`router` is its name in messages; tags count up from the first."""
        self.replies = [CommandReply() for _ in commands]
        self._router = router
        self._commands = commands
        self._first_tag = first_tag
        self._sent = 0
        self._done = 0

    @property
    def is_complete(self) -> bool:
        """Whether every command has its answer."""
        return self._done == len(self._commands)

    def next_batch(self) -> bytes:
        """What to send now, perhaps nothing; from here on it counts as sent."""
        begins, free = self._sent, _WINDOW - (self._sent - self._done)
        if free < _REFILL:
            return b""
        batch = self._commands[begins : begins + free]
        self._sent += len(batch)
        tag = self._first_tag + begins
        return b"".join([command.encode(tag + n) for n, command in enumerate(batch)])

    def handle_sentence(self, words: list[str]) -> None:
        """Keep what a sentence says of its command."""
        kind = words[0]
        if kind == "!fatal":
            raise FatalReply(" ".join(words[1:]))
        said, tag = _parse_attributes(words)
        number = int(tag) - self._first_tag if tag.isdecimal() else -1
        if not 0 <= number < self._sent or self.replies[number].is_done:
            raise ProtocolError("an answer to nothing that was asked")
        answer = self.replies[number]
        if kind == "!re":
            answer.rows.append(said)
        elif kind == "!trap" and answer.error is None:
            secrets = self._commands[number].secrets
            answer.error = error_from_trap(self._router, said.get("message", ""), secrets)
        elif kind == "!done":
            answer.ret = said.get("ret", "")
            answer.is_done = True
            self._done += 1

    def fail_open_commands(self, reason: str) -> None:
        """No more answers will come: say of each open command whether it may have been done."""
        told = redact([secret for each in self._commands for secret in each.secrets], reason)
        for number, (command, answer) in enumerate(zip(self._commands, self.replies, strict=True)):
            if not answer.is_done:
                unknown = number < self._sent and not command.repeatable
                kind = OutcomeUnknown if unknown else RouterUnavailable
                answer.error = kind(f"router {self._router}: no answer ({told})")
                answer.is_done = True
        self._done = len(self._commands)


def _parse_attributes(words: list[str]) -> tuple[ReplyRow, str]:
    """The attributes of a reply, and its tag."""
    said, tag = {}, ""
    for word in words:
        if word.startswith("="):
            name, _, value = word[1:].partition("=")
            said[name] = value
        elif word.startswith(".tag="):
            tag = word[5:]
    return said, tag
