"""The door to mail: SMTP connections that carry many mails, and one outcome for each."""

from collections.abc import Callable
from datetime import UTC, datetime
from threading import Lock
from typing import Self

from ticketing.notifications.mail.mime import Letter, Sender, ascii_address, letter
from ticketing.notifications.mail.smtp_connection import Broken, Connection, opened
from ticketing.notifications.mail.smtp_server import MailServer
from ticketing.notifications.messages.message import Cause, Declined, Later, Mail, Outcome

_LARGEST = 10_000_000  # bytes on the wire; base64 makes a PDF a third larger


def _now() -> datetime:
    return datetime.now(UTC)


class Mailer:
    """Hands mails to one server; close it, or use `with`. Threads may share it.

    As many connections are open as threads were sending at once.
    """

    def __init__(
        self,
        server: MailServer,
        sender: Sender,
        *,
        largest: int = _LARGEST,
        now: Callable[[], datetime] = _now,
    ) -> None:
        """Connect when the first mail goes. `largest` is a mail's size in bytes on the wire."""
        self._server = server
        self._sender = sender
        self._largest = largest
        self._now = now
        self._idle: list[Connection] = []
        self._lock = Lock()

    def __enter__(self) -> Self:
        """Nothing to open."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def send(self, to: str, mail: Mail, *, reference: str, name: str = "") -> Outcome:
        """Send to one address; never raises for what a server or a network does.

        `reference` is our own name of the message: every attempt has the same Message-ID.
        """
        recipient = ascii_address(to)
        if recipient is None:
            return Declined("the address cannot be written to", "address")
        given = (mail, self._sender, recipient)
        written = letter(*given, reference=reference, name=name, at=self._now())
        if len(written.content) > self._largest:
            return _too_large(written, self._largest)
        return self._carried(written, self._sender.envelope(reference))

    def _carried(self, written: Letter, sender: str) -> Outcome:
        """On a connection that idles, else on a new one; an idle one may have been cut unseen."""
        kept = self._taken()
        if kept is not None:
            outcome = self._handed_over(kept, written, sender)
            if not isinstance(outcome, Broken):
                return outcome
        new = opened(self._server)
        if isinstance(new, Later):
            return new
        outcome = self._handed_over(new, written, sender)
        return outcome.refusal if isinstance(outcome, Broken) else outcome

    def _handed_over(
        self, connection: Connection, written: Letter, sender: str
    ) -> Outcome | Broken:
        largest = connection.largest
        if largest is not None and len(written.content) > largest:
            self._put_back(connection)
            return _too_large(written, largest)
        outcome = connection.hand_over(written, sender)
        self._put_back(connection)
        return outcome

    def _taken(self) -> Connection | None:
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        if connection is None or connection.is_fresh:
            return connection
        connection.close()
        return self._taken()

    def _put_back(self, connection: Connection) -> None:
        with self._lock:
            self._idle.append(connection)


def _too_large(written: Letter, largest: int) -> Declined:
    size = f"{len(written.content):,} bytes; at most {largest:,} may be sent"
    return Declined(f"the mail has {size}", "attachment", Cause.MESSAGE)
