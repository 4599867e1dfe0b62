"""Reading of mails from files and Maildir folders."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from ticketing.platform.kernel.errors import Refused

STDIN = "-"


def read_mails(paths: Sequence[str]) -> Iterator[bytes]:
    """Yield the bytes of each mail in these files and folders, Maildir or plain. Moves nothing."""
    for path in paths:
        if path == STDIN:
            yield sys.stdin.buffer.read()
        else:
            yield from map(_read_file, _mail_files(Path(path)))


def has_unread_mail(maildir: Path) -> bool:
    """Return whether the Maildir has unread mails."""
    return bool(_unread_files(maildir))


class UnreadMails:
    """The unread mails of a Maildir. Each is filed before the next one is read.

    What was understood becomes read; the rest stays unread and is flagged, so that a mail program
    shows it to a person and it is not read here again.
    """

    def __init__(self, maildir: Path) -> None:
        """Nothing is read before the iteration."""
        self._maildir = maildir
        self._is_understood = True

    def __iter__(self) -> Iterator[bytes]:
        """Yield the bytes of each mail."""
        for file in _unread_files(self._maildir):
            self._is_understood = True
            yield _read_file(file)
            self._file(file, "S" if self._is_understood else "F")

    def flag_current(self) -> None:
        """Leave the mail that was yielded last for a person."""
        self._is_understood = False

    def _file(self, file: Path, flag: str) -> None:
        folder = self._maildir / "cur"
        try:
            folder.mkdir(exist_ok=True)
            file.rename(folder / f"{file.name}:2,{flag}")
        except OSError as error:
            raise Refused(f"{file} cannot be moved to {folder}: {error.strerror}") from error


def _unread_files(maildir: Path) -> list[Path]:
    new = maildir / "new"
    return sorted(new.iterdir()) if new.is_dir() else []


def _mail_files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    folders = [path / name for name in ("new", "cur") if (path / name).is_dir()] or [path]
    return [file for folder in folders for file in sorted(folder.iterdir()) if file.is_file()]


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror}") from error
