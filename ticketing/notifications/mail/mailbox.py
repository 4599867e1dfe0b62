"""Mails as files: single ones, and Maildir folders as mail servers keep them.

Mails put into a folder in place of people's mailboxes: for rehearsals.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from ticketing.notifications.mail.mime import Sender, ascii_address, letter, token
from ticketing.notifications.messages.message import Accepted, Declined, Later, Mail, Outcome
from ticketing.platform.kernel.errors import Refused

INPUT = "-"


def mails_in(places: Sequence[str]) -> Iterator[bytes]:
    """Each mail's bytes; a folder is a Maildir, or holds a mail a file. Nothing is moved."""
    for place in places:
        if place == INPUT:
            yield sys.stdin.buffer.read()
        else:
            yield from map(_content, _files(Path(place)))


def has_new(maildir: Path) -> bool:
    """Whether a Maildir has mails that nobody has read."""
    return bool(_new(maildir))


def new_mails(maildir: Path) -> Iterator[bytes]:
    """Each of them; it counts as read once the next is asked for."""
    read = maildir / "cur"
    for file in _new(maildir):
        yield _content(file)
        try:
            read.mkdir(exist_ok=True)
            file.rename(read / f"{file.name}:2,S")
        except OSError as error:
            raise Refused(f"{file} cannot be moved to {read}: {error.strerror}") from error


def _new(maildir: Path) -> list[Path]:
    new = maildir / "new"
    return sorted(new.iterdir()) if new.is_dir() else []


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    folders = [path / name for name in ("new", "cur") if (path / name).is_dir()] or [path]
    return [file for folder in folders for file in sorted(folder.iterdir()) if file.is_file()]


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror}") from error


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
