"""A backup file: members in a sealed stream, each checked by length and SHA-256 at the end.

A member is a message with its name, its messages of data, and the end of the part. The last message
of the file lists all members. Restoring and verifying read it once, from front to back.
"""

import hashlib
import json
import zlib
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any, BinaryIO

from ticketing.crypto.sealed_stream import (
    MESSAGE_BYTES,
    DamagedFile,
    KeyCost,
    MessageKind,
    SealedWriter,
    read_sealed,
)

_COMPRESSION_LEVEL = 6


@dataclass(frozen=True, slots=True)
class Member:
    """A member that was read or written completely; its length is that of the content."""

    name: str
    length: int
    sha256: str


class ArchiveWriter:
    """Writes members into a sealed file."""

    def __init__(
        self, file: BinaryIO, passphrase: str, header: dict[str, Any], cost: KeyCost | None = None
    ) -> None:
        """Begin the file with a header that is readable without the passphrase."""
        self._sealed = SealedWriter(file, passphrase, header, cost)
        self._members: list[Member] = []

    def add(self, name: str, content: Iterable[bytes]) -> Member:
        """Write one member, compressed."""
        self._sealed.write(json.dumps({"name": name}).encode())
        compressor = zlib.compressobj(_COMPRESSION_LEVEL)
        digest, length, waiting = hashlib.sha256(), 0, bytearray()
        for block in content:
            digest.update(block)
            length += len(block)
            waiting += compressor.compress(block)
            self._write_full_messages(waiting)
        waiting += compressor.flush()
        self._write_full_messages(waiting)
        self._sealed.write(bytes(waiting), MessageKind.END_OF_PART)
        member = Member(name, length, digest.hexdigest())
        self._members.append(member)
        return member

    def finish(self) -> list[Member]:
        """End the file with the list of its members and return it."""
        listed = [[one.name, one.length, one.sha256] for one in self._members]
        for begin in range(0, len(listed), _MEMBERS_A_MESSAGE):
            part = json.dumps(listed[begin : begin + _MEMBERS_A_MESSAGE]).encode()
            self._sealed.write(part, MessageKind.MORE)
        self._sealed.finish(b"")
        return self._members

    def _write_full_messages(self, waiting: bytearray) -> None:
        while len(waiting) >= MESSAGE_BYTES:
            self._sealed.write(bytes(waiting[:MESSAGE_BYTES]))
            del waiting[:MESSAGE_BYTES]


_MEMBERS_A_MESSAGE = 100


class MemberReader:
    """One member while the archive is read: its name and its content, once."""

    def __init__(self, name: str, messages: Iterator[tuple[MessageKind, bytes]]) -> None:
        self.name = name
        self._messages = messages
        self._digest, self._length, self._is_read = hashlib.sha256(), 0, False

    def __iter__(self) -> Iterator[bytes]:
        """Yield the content in blocks of a few MiB at most. Raises DamagedFile."""
        decompressor = zlib.decompressobj()
        for kind, message in self._messages:
            if kind is MessageKind.END_OF_FILE:
                break
            for block in _decompress(decompressor, message):
                self._digest.update(block)
                self._length += len(block)
                yield block
            if kind is MessageKind.END_OF_PART:
                self._is_read = True
                return
        raise DamagedFile(f"the file ends within {self.name}")

    def finish(self) -> Member:
        """Read what is left and return the member."""
        if not self._is_read:
            for _ in self:
                pass
        return Member(self.name, self._length, self._digest.hexdigest())


def _decompress(decompressor: "zlib._Decompress", message: bytes) -> Iterator[bytes]:
    """Yield blocks of at most 16 messages: a small message can become very long."""
    waiting = message
    while waiting:
        try:
            block = decompressor.decompress(waiting, 16 * MESSAGE_BYTES)
        except zlib.error as error:
            raise DamagedFile(f"the content cannot be decompressed: {error}") from error
        if block:
            yield block
        waiting = decompressor.unconsumed_tail
        if not block:
            return


def read_archive(file: BinaryIO, passphrase: str) -> Generator[MemberReader]:
    """Yield the members in order; after the last one the list at the end was compared.

    Raises DamagedFile for a file that is incomplete or was changed. Whoever stops reading earlier
    knows nothing about the rest.
    """
    read: list[Member] = []
    with closing(read_sealed(file, passphrase)) as messages:
        listed: list[Member] = []
        for kind, message in messages:
            if kind is MessageKind.END_OF_FILE:
                break
            described = json.loads(message)
            if isinstance(described, list):
                listed += [Member(*one) for one in described]
                continue
            member = MemberReader(described["name"], messages)
            yield member
            read.append(member.finish())
    if read != listed:
        raise DamagedFile("the members of the file are not those that were written")
