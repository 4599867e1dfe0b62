"""Mails put into a folder in place of people's mailboxes: for rehearsals."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from ticketing.domain.messages import Accepted, Declined, Later, Mail, Outcome
from ticketing.gateways.mail_message import Sender, ascii_address, letter, token


def _now() -> datetime:
    return datetime.now(UTC)


class MailFolder:
    """Writes each mail as the file a mail server would have got; any mail program opens it."""

    def __init__(self, folder: Path, sender: Sender, *, now: Callable[[], datetime] = _now) -> None:
        """The folder is made when the first mail goes."""
        self._folder = folder
        self._sender = sender
        self._now = now

    def send(self, to: str, mail: Mail, *, reference: str, name: str = "") -> Outcome:
        """Write `<reference>.eml`; every attempt writes the same file."""
        recipient = ascii_address(to)
        if recipient is None:
            return Declined("the address cannot be written to", "address")
        written = letter(
            mail, self._sender, recipient, reference=reference, name=name, at=self._now()
        )
        path = self._folder / f"{token(reference)}.eml"
        part = path.with_suffix(".part")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            part.write_bytes(written.content)
            part.replace(path)
        except OSError as error:
            return Later(f"the folder of mails cannot be written: {error.strerror}")
        return Accepted(written.message_id)
