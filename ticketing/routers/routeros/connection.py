"""Connection to a router, opened on first use and reopened after a failure."""

from collections.abc import Sequence
from threading import Lock

from routeros_api import RouterOsApiPool
from routeros_api.api import RouterOsApi
from routeros_api.exceptions import RouterOsApiCommunicationError

from ticketing.platform.kernel.errors import RouterUnavailable, TicketingError
from ticketing.routers.routeros.account import RouterAccount
from ticketing.routers.routeros.buffered_socket import BufferedSocket
from ticketing.routers.routeros.command import CommandReply, RouterCommand
from ticketing.routers.routeros.errors import error_from_trap, redact
from ticketing.routers.routeros.exchange import CommandExchange, describe_break
from ticketing.routers.routeros.transport import SocketFactory


class RouterOsConnection:
    """A connection that threads may share; calls are serialised."""

    def __init__(
        self, account: RouterAccount, *, connect_seconds: float, answer_seconds: float
    ) -> None:
        """Connect on first use. `answer_seconds` is the longest silence of the router."""
        self._account = account
        self._connect_seconds = connect_seconds
        self._answer_seconds = answer_seconds
        self._socket: BufferedSocket | None = None
        self._api: RouterOsApi | None = None
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
            exchange = CommandExchange(self._account.name, self._api, connection, commands)
            try:
                exchange.run()
            except Exception as error:  # noqa: BLE001 - whatever it is, the rest cannot be trusted
                reason = describe_break(error)
            except BaseException:
                self._disconnect()
                raise
            else:
                return exchange.replies
            self._disconnect()
            exchange.fail_open_commands(reason)
            return exchange.replies

    def _open(self) -> BufferedSocket:
        if self._socket and self._socket.is_idle():
            return self._socket
        self._disconnect()
        sockets = SocketFactory(self._account, answer_seconds=self._answer_seconds)
        try:
            self._api = self._log_in(sockets)
        except BaseException:
            sockets.close()
            raise
        self._socket = sockets.opened()
        return self._socket

    def _log_in(self, sockets: SocketFactory) -> RouterOsApi:
        """Return routeros-api's object for the new connection."""
        account, name = self._account, self._account.name
        pool = RouterOsApiPool(
            account.host,
            account.user,
            account.password,
            account.port,
            plaintext_login=True,  # answers the challenge of RouterOS before 6.43 as well
            ssl_context=sockets,  # asked for the socket, with TLS or without
        )
        pool.set_timeout(self._connect_seconds)
        secrets = (account.user, account.password)
        try:
            return pool.get_api()
        except RouterOsApiCommunicationError as trap:
            message = trap.original_message.decode(errors="replace")
            failure: TicketingError = error_from_trap(name, message, secrets)
        except TicketingError:
            raise
        except Exception as error:  # noqa: BLE001 - as above
            stage = "login" if sockets.has_connected else "connection"
            reason = redact(secrets, describe_break(error))
            failure = RouterUnavailable(f"router {name}: {stage} failed ({reason})")
        # after the except clause: routeros-api's error, which quotes the password, is no context
        raise failure

    def _disconnect(self) -> None:
        if self._socket:
            self._socket.close()
        self._socket = self._api = None
