"""Commands in flight, above routeros-api: each gets one reply that can be relied upon.

routeros-api matches replies to commands. What it leaves open is decided here: whether a command
whose connection broke was refused, was never sent, or may have been executed.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from routeros_api.api import RouterOsApi
from routeros_api.exceptions import (
    RouterOsApiCommunicationError,
    RouterOsApiConnectionClosedError,
    RouterOsApiConnectionError,
    RouterOsApiParsingError,
)

from ticketing.platform.kernel.errors import OutcomeUnknown, RouterUnavailable
from ticketing.routers.routeros.buffered_socket import BufferedSocket
from ticketing.routers.routeros.command import CommandReply, ReplyRow, RouterCommand
from ticketing.routers.routeros.errors import error_from_trap, redact

# Commands without a reply when a connection breaks are read back: one query at this size. At 5 ms
# a command and 200 ms away a router is as busy as with more.
WINDOW, REFILL = 50, 25
# a trap without a message: routeros-api looks it up in the reply, whichever promise is being read
_BARE_TRAP = (b"message",)


class _OpenCommand(NamedTuple):
    command: RouterCommand
    promise: Any  # routeros-api has no types
    tag: bytes


class _QueryWords:
    """Query words in their order; routeros-api keeps several queries in a set."""

    def __init__(self, words: Iterable[str]) -> None:
        self._words = [word.encode() for word in words]

    def get_api_format(self) -> list[bytes]:
        """Return the words; the name is routeros-api's."""
        return self._words


class CommandExchange:
    """Commands of one call; at most `WINDOW` of them are in flight."""

    def __init__(
        self,
        router: str,
        api: RouterOsApi,
        connection: BufferedSocket,
        commands: Sequence[RouterCommand],
    ) -> None:
        """`router` is the name used in messages; `api` is logged in on the connection."""
        self.replies: list[CommandReply] = []  # in the order of the commands
        self._router = router
        self._api = api
        self._connection = connection
        self._commands = commands
        self._open: deque[_OpenCommand] = deque()
        self._bare_traps: set[bytes] = set()

    def run(self) -> None:
        """Send the commands and read their replies.

        After any exception the connection cannot be used: routeros-api would take what follows a
        reply that it did not understand for consent. Close it, then call `fail_open_commands`.
        """
        while len(self.replies) < len(self._commands):
            if len(self._open) <= WINDOW - REFILL:
                self._send_batch()
            reply = self._receive(self._open[0])
            self._open.popleft()
            self.replies.append(reply)

    def fail_open_commands(self, reason: str) -> None:
        """Set the error of each command without a reply, according to whether it may have run.

        A command whose reply had arrived before the connection was closed keeps it.
        """
        redacted = redact([secret for each in self._commands for secret in each.secrets], reason)
        text = f"router {self._router}: no answer ({redacted})"
        for opened in self._open:
            kind = RouterUnavailable if opened.command.repeatable else OutcomeUnknown
            self.replies.append(self._find_reply(opened) or CommandReply(error=kind(text)))
        self._open.clear()
        unsent = len(self._commands) - len(self.replies)
        self.replies += [CommandReply(error=RouterUnavailable(text)) for _ in range(unsent)]

    def _send_batch(self) -> None:
        begins = len(self.replies) + len(self._open)
        for command in self._commands[begins : begins + WINDOW - len(self._open)]:
            path, _, word = command.word.rpartition("/")
            promise = self._api.get_binary_resource(path).call_async(
                word,
                # RouterOS refuses empty times and numbers; routeros-api adds the dot of `.id`
                {
                    name.removeprefix("."): value.encode()
                    for name, value in command.attributes.items()
                    if value
                },
                additional_queries=[_QueryWords(command.queries)] if command.queries else (),
            )
            self._open.append(_OpenCommand(command, promise, self._connection.written_tag()))

    def _receive(self, opened: _OpenCommand) -> CommandReply:
        """Wait for the reply to a command, and keep those to others that come before."""
        while True:
            try:
                result = opened.promise.get()
            except RouterOsApiCommunicationError as trap:
                message = trap.original_message.decode(errors="replace")
                break
            except KeyError as error:
                if error.args != _BARE_TRAP:
                    raise
                self._record_bare_trap()
            else:
                # an empty message is no error for routeros-api
                if result.error is None and opened.tag not in self._bare_traps:
                    return CommandReply([_to_row(row) for row in result])
                message = ""
                break
        # after the except clause: routeros-api's error, which quotes the command, is no context
        return CommandReply(error=error_from_trap(self._router, message, opened.command.secrets))

    def _record_bare_trap(self) -> None:
        """Remember the refused command; routeros-api has only seen that it goes on."""
        tag = self._connection.read_trap_tag()
        if tag not in {opened.tag for opened in self._open}:
            raise ConnectionError("a refusal without a matching command")
        self._bare_traps.add(tag)

    def _find_reply(self, opened: _OpenCommand) -> CommandReply | None:
        """Return the reply to a command if it had arrived."""
        try:
            return self._receive(opened)
        except Exception:  # noqa: BLE001 - of a closed connection
            return None


def describe_break(error: Exception) -> str:
    """Return why a connection broke, without the text of routeros-api, which quotes commands."""
    if isinstance(error, RouterOsApiConnectionClosedError):
        return "the router closed the connection"
    if isinstance(error, RouterOsApiConnectionError | OSError):
        return str(error) or type(error).__name__  # of the socket
    if isinstance(error, RouterOsApiParsingError) and isinstance(error.args[-1], bytes):
        return error.args[-1].decode(errors="replace")  # of `!fatal`, the router's own word
    return "an invalid reply"


def _to_row(row: dict[str, bytes]) -> ReplyRow:
    return {
        ".id" if name == "id" else name: value.decode(errors="replace")
        for name, value in row.items()
    }
