"""Store of accepted mails."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from threading import Condition


@dataclass(frozen=True, slots=True)
class ReceivedMail:
    """Received mail: envelope, content and connection."""

    number: int
    sender: str  # envelope sender
    recipients: tuple[str, ...]
    content: bytes
    at: datetime
    connection: int  # counted from 1
    over_tls: bool

    @property
    def message(self) -> EmailMessage:
        """Return the parsed message."""
        return message_from_bytes(self.content, policy=policy.default)

    @property
    def text(self) -> str:
        """Return the plain text part."""
        part = self.message.get_body(("plain",))
        return str(part.get_content()).replace("\r\n", "\n") if part else ""

    @property
    def files(self) -> dict[str, bytes]:
        """Return the attachments by file name."""
        parts = self.message.iter_attachments()
        return {part.get_filename() or "": part.get_payload(decode=True) or b"" for part in parts}  # type: ignore[misc]  # decoded: bytes


class Mailbox:
    """Accepted mails in order of arrival."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._mails: list[ReceivedMail] = []
        self._changed = Condition()

    def store(
        self,
        sender: str,
        recipients: tuple[str, ...],
        content: bytes,
        *,
        connection: int,
        over_tls: bool,
    ) -> None:
        """Store an accepted mail and wake waiting readers."""
        with self._changed:
            number, at = len(self._mails) + 1, self._clock()
            mail = ReceivedMail(number, sender, recipients, content, at, connection, over_tls)
            self._mails.append(mail)
            self._changed.notify_all()

    def mails(
        self, to: str = "", *, at_least: int = 0, within_seconds: float = 60
    ) -> list[ReceivedMail]:
        """Return accepted mails, waiting for `at_least` of them; TimeoutError if fewer arrive."""

        def found() -> list[ReceivedMail]:
            return [mail for mail in self._mails if not to or to in mail.recipients]

        with self._changed:
            if not self._changed.wait_for(lambda: len(found()) >= at_least, within_seconds):
                raise TimeoutError(f"{len(found())} mails, not {at_least}")
            return found()
