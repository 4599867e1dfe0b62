"""Mail transport over pooled SMTP connections."""

from collections.abc import Callable
from datetime import UTC, datetime
from threading import Lock
from typing import Self

from ticketing.notifications.mail.mime import (
    MailSender,
    MimeMessage,
    ascii_address,
    build_mime_message,
)
from ticketing.notifications.mail.smtp_connection import (
    ConnectionLost,
    SmtpConnection,
    open_connection,
)
from ticketing.notifications.mail.smtp_server import MailServer
from ticketing.notifications.messages.message import (
    Deferred,
    FailureScope,
    Mail,
    Rejected,
    SendOutcome,
)

_MAX_MESSAGE_BYTES = 10_000_000  # bytes on the wire; base64 makes a PDF a third larger


class SmtpTransport:
    """Sends mails to one server. Use `with`, or close it. Threads may share it.

    There are as many connections as threads that send at the same time.
    """

    def __init__(
        self,
        server: MailServer,
        sender: MailSender,
        *,
        max_message_bytes: int = _MAX_MESSAGE_BYTES,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Connect with the first mail. `max_message_bytes` is the limit of a mail on the wire."""
        self._server = server
        self._sender = sender
        self._max_message_bytes = max_message_bytes
        self._now = now
        self._idle: list[SmtpConnection] = []
        self._lock = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def send(self, to: str, mail: Mail, *, reference: str, name: str = "") -> SendOutcome:
        """Send to one address; errors of the server and the network are returned as outcomes.

        `reference` is our id of the message: every attempt has the same Message-ID.
        """
        recipient = ascii_address(to)
        if recipient is None:
            return Rejected("the address is not valid", "address")
        message = build_mime_message(
            mail, self._sender, recipient, reference=reference, name=name, at=self._now()
        )
        if len(message.content) > self._max_message_bytes:
            return _reject_too_large(message, self._max_message_bytes)
        return self._send_with_reconnect(message, self._sender.envelope_sender(reference))

    def _send_with_reconnect(self, message: MimeMessage, sender: str) -> SendOutcome:
        """Send on an idle connection; if the server has closed it, on a new one."""
        idle = self._take_idle_connection()
        if idle is not None:
            outcome = self._send_on(idle, message, sender)
            if not isinstance(outcome, ConnectionLost):
                return outcome
        new = open_connection(self._server)
        if isinstance(new, Deferred):
            return new
        outcome = self._send_on(new, message, sender)
        return outcome.deferral if isinstance(outcome, ConnectionLost) else outcome

    def _send_on(
        self, connection: SmtpConnection, message: MimeMessage, sender: str
    ) -> SendOutcome | ConnectionLost:
        largest = connection.max_message_bytes
        if largest is not None and len(message.content) > largest:
            self._return_connection(connection)
            return _reject_too_large(message, largest)
        outcome = connection.send_message(message, sender)
        self._return_connection(connection)
        return outcome

    def _take_idle_connection(self) -> SmtpConnection | None:
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        if connection is None or connection.is_reusable:
            return connection
        connection.close()
        return self._take_idle_connection()

    def _return_connection(self, connection: SmtpConnection) -> None:
        with self._lock:
            self._idle.append(connection)


def _reject_too_large(message: MimeMessage, largest: int) -> Rejected:
    size = f"{len(message.content):,} bytes; at most {largest:,} may be sent"
    return Rejected(f"the mail has {size}", "attachment", FailureScope.MESSAGE)
