"""Connection to a router, opened on first use and reopened after a failure."""

import socket
from collections.abc import Sequence
from hashlib import md5
from threading import Lock

from ticketing.platform.kernel.errors import RouterUnavailable, TicketingError
from ticketing.routers.routeros.pipeline import (
    CommandPipeline,
    CommandReply,
    FatalReply,
    RouterCommand,
)
from ticketing.routers.routeros.protocol import ProtocolError, SentenceDecoder
from ticketing.routers.routeros.transport import RouterAccount, connect, is_idle, receive


class RouterOsConnection:
    """A connection that threads may share; calls are serialised."""

    def __init__(
        self, account: RouterAccount, *, connect_seconds: float, answer_seconds: float
    ) -> None:
        """Connect on first use. `answer_seconds` is the longest silence of the router."""
        self._account = account
        self._connect_seconds = connect_seconds
        self._answer_seconds = answer_seconds
        self._socket: socket.socket | None = None
        self._replies = SentenceDecoder()
        self._tag = 0
        self._lock = Lock()

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._disconnect()

    def execute(self, commands: Sequence[RouterCommand]) -> list[CommandReply]:
        """Return a reply for each command, in order; raises only before the first was sent.

        Commands that a broken connection leaves open have an error in their reply: OutcomeUnknown
        if the command was sent and is not repeatable, else RouterUnavailable.
        """
        with self._lock:
            connection = self._open()
            exchange = self._new_pipeline(commands)
            try:
                self._run(exchange, connection)
            except (OSError, ProtocolError, FatalReply) as error:
                self._disconnect()
                exchange.fail_open_commands(_describe(error))
            return exchange.replies

    def _new_pipeline(self, commands: Sequence[RouterCommand]) -> CommandPipeline:
        """Return a pipeline with new tags; a late reply to an old tag then matches no command."""
        exchange = CommandPipeline(self._account.name, commands, self._tag + 1)
        self._tag += len(commands)
        return exchange

    def _run(self, pipeline: CommandPipeline, connection: socket.socket) -> None:
        while not pipeline.is_complete:
            if batch := pipeline.next_batch():
                connection.sendall(batch)
            for words in self._replies.feed(receive(connection)):
                pipeline.handle_sentence(words)

    def _open(self) -> socket.socket:
        if self._socket and is_idle(self._socket):
            return self._socket
        self._disconnect()
        connection = self._socket = connect(self._account, self._connect_seconds)
        connection.settimeout(self._answer_seconds)
        self._replies = SentenceDecoder()
        try:
            self._log_in(connection)
        except (OSError, ProtocolError, FatalReply) as error:
            self._disconnect()
            name = self._account.name
            raise RouterUnavailable(f"router {name}: login failed ({_describe(error)})") from error
        except TicketingError:
            self._disconnect()
            raise
        return connection

    def _log_in(self, connection: socket.socket) -> None:
        user, password = self._account.user, self._account.password
        challenge = self._send_login(connection, {"name": user, "password": password}).ret
        if challenge:  # RouterOS before 6.43 uses a challenge
            proof = md5(
                b"\0" + password.encode() + bytes.fromhex(challenge), usedforsecurity=False
            ).hexdigest()
            self._send_login(connection, {"name": user, "response": f"00{proof}"})

    def _send_login(self, connection: socket.socket, attributes: dict[str, str]) -> CommandReply:
        exchange = self._new_pipeline([RouterCommand("/login", attributes)])
        self._run(exchange, connection)
        return exchange.replies[0].raise_for_error()

    def _disconnect(self) -> None:
        if self._socket:
            self._socket.close()
        self._socket = None


def _describe(error: Exception) -> str:
    return str(error) or type(error).__name__
