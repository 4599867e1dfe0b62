"""Mail transport that writes files instead of sending."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from ticketing.notifications.mail.mime import (
    MailSender,
    ascii_address,
    build_mime_message,
    reference_token,
)
from ticketing.notifications.messages.message import Accepted, Deferred, Mail, Rejected, SendOutcome


class FileMailTransport:
    """Writes each mail as a file that mail programs can open."""

    def __init__(
        self,
        folder: Path,
        sender: MailSender,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Create the folder with the first mail."""
        self._folder = folder
        self._sender = sender
        self._now = now

    def send(self, to: str, mail: Mail, *, reference: str, name: str = "") -> SendOutcome:
        """Write `<reference>.eml`; every attempt writes the same file."""
        recipient = ascii_address(to)
        if recipient is None:
            return Rejected("the address is not valid", "address")
        message = build_mime_message(
            mail, self._sender, recipient, reference=reference, name=name, at=self._now()
        )
        path = self._folder / f"{reference_token(reference)}.eml"
        part = path.with_suffix(".part")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            part.write_bytes(message.content)
            part.replace(path)
        except OSError as error:
            return Deferred(f"the mail folder cannot be written: {error.strerror}")
        return Accepted(message.message_id)
