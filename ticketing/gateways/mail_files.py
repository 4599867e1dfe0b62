"""Mails as files: single ones, and Maildir folders as mail servers keep them."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from ticketing.domain.errors import Refused

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
