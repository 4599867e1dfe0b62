"""The mails that were accepted."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from threading import Condition


@dataclass(frozen=True, slots=True)
class ReceivedMail:
    """One mail, as it came over the wire."""

    number: int
    sender: str  # of the envelope
    recipients: tuple[str, ...]
    content: bytes
    at: datetime
    connection: int  # 1 is the first
    over_tls: bool

    @property
    def message(self) -> EmailMessage:
        """What a mail program makes of it."""
        return message_from_bytes(self.content, policy=policy.default)

    @property
    def text(self) -> str:
        """The plain part."""
        part = self.message.get_body(("plain",))
        return str(part.get_content()).replace("\r\n", "\n") if part else ""

    @property
    def files(self) -> dict[str, bytes]:
        """Attachments by their names."""
        parts = self.message.iter_attachments()
        return {part.get_filename() or "": part.get_payload(decode=True) or b"" for part in parts}  # type: ignore[misc]  # decoded: bytes


class Mailbox:
    """All of them, in the order they came."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        """Empty."""
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
        """Take responsibility for a mail."""
        with self._changed:
            number, at = len(self._mails) + 1, self._clock()
            mail = ReceivedMail(number, sender, recipients, content, at, connection, over_tls)
            self._mails.append(mail)
            self._changed.notify_all()

    def mails(
        self, to: str = "", *, at_least: int = 0, within_seconds: float = 60
    ) -> list[ReceivedMail]:
        """What was accepted, once there is so much of it; TimeoutError if there is not."""

        def found() -> list[ReceivedMail]:
            return [mail for mail in self._mails if not to or to in mail.recipients]

        with self._changed:
            if not self._changed.wait_for(lambda: len(found()) >= at_least, within_seconds):
                raise TimeoutError(f"{len(found())} mails, not {at_least}")
            return found()
