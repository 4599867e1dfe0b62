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


def read_unread_mails(maildir: Path) -> Iterator[bytes]:
    """Yield the unread mails; each is marked read when the next one is requested."""
    read = maildir / "cur"
    for file in _unread_files(maildir):
        yield _read_file(file)
        try:
            read.mkdir(exist_ok=True)
            file.rename(read / f"{file.name}:2,S")
        except OSError as error:
            raise Refused(f"{file} cannot be moved to {read}: {error.strerror}") from error


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
