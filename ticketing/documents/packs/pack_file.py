"""A pack: an append-only file of PDFs in two parts, of which many share the first one.

A pack is a header and records; each record has a kind, a checksum and a length. Every append ends
with a commit record and is flushed to the disk. What follows the last commit record was torn by a
kill or a power cut; nobody was told about it, and the next append cuts it off. Erasing a document
overwrites it with zeros, because it names a person.
"""

import fcntl
import os
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

_MAGIC = b"TICKPAK1"
_IDENTITY_BYTES = 8
_BEGIN = len(_MAGIC) + _IDENTITY_BYTES
# kind, CRC-32 of the body, length of the body, place of the shared part (of itself in a commit)
_RECORD = struct.Struct(">BIQQ")
_SHARED, _DOCUMENT, _COMMIT, _ERASED = 1, 2, 3, 4
_NO_SHARED_PART = 0
_MAX_SHARED_PARTS = 64  # in memory


class PackedDocument(NamedTuple):
    """A PDF: its name, what it shares with others, and its own part."""

    name: str
    shared: bytes
    own: bytes


class Pack:
    """A pack at a path, which need not exist. Processes take turns; not thread-safe."""

    def __init__(self, path: Path) -> None:
        """Nothing is opened yet."""
        self._path = path
        self._identity = b""  # of the file whose shared parts are known
        self._places: dict[bytes, int] = {}  # of shared parts
        self._shared: dict[int, bytes] = {}  # by place

    def append(self, documents: Sequence[PackedDocument]) -> list[int]:
        """Append documents and return their places; all are on the disk, or none.

        Raises OSError.
        """
        with self._locked() as file:
            end = _cut_torn_end(file)
            self._identify(file)
            parts, places, at = [], [], end
            new: dict[bytes, int] = {}
            for document in documents:
                place = self._places.get(document.shared, new.get(document.shared))
                if not document.shared:
                    place = _NO_SHARED_PART
                if place is None:
                    place = new[document.shared] = at
                    parts.append(_record(_SHARED, document.shared))
                    at += len(parts[-1])
                places.append(at)
                body = b"%s\0%s" % (document.name.encode(), document.own)
                parts.append(_record(_DOCUMENT, body, place))
                at += len(parts[-1])
            parts.append(_record(_COMMIT, b"", at))
            _write(file, b"".join(parts), end)
            os.fdatasync(file)
        self._places.update(new)
        return places

    def read(self, place: int, name: str) -> bytes:
        """Return a document. Raises FileNotFoundError when it is not there, whole and unchanged."""
        file = os.open(self._path, os.O_RDONLY)
        try:
            self._identify(file)
            kind, body, shared = _read_record(file, place)
            own_name, _, own = body.partition(b"\0")
            if kind != _DOCUMENT or own_name != name.encode():
                raise FileNotFoundError(f"{self._path} has no document {name} at {place}")
            if shared == _NO_SHARED_PART:
                return own
            return self._read_shared(file, shared) + own
        finally:
            os.close(file)

    def _read_shared(self, file: int, place: int) -> bytes:
        if place not in self._shared:
            if len(self._shared) >= _MAX_SHARED_PARTS:
                self._shared.clear()
            try:
                _, self._shared[place], _ = _read_record(file, place)
            except FileNotFoundError:
                # damaged: the next append writes it again
                self._places = {part: at for part, at in self._places.items() if at != place}
                raise
        return self._shared[place]

    def erase(self, place: int, name: str) -> int:
        """Overwrite a document with zeros; return the bytes, 0 when it was not there."""
        try:
            size = len(self.read(place, name))
        except FileNotFoundError:
            return 0
        with self._locked() as file:
            _, checksum, length, shared = _read_head(file, place)
            _write(file, bytes(length), place + _RECORD.size)
            os.fdatasync(file)  # a kill before the next line leaves a damaged document
            _write(file, _RECORD.pack(_ERASED, checksum, length, shared), place)
            os.fdatasync(file)
        return size

    def delete_if_empty(self) -> bool:
        """Delete the file if all of its documents are erased; return whether it was."""
        if not self._path.exists():
            return False
        with self._locked() as file:
            end = _cut_torn_end(file)
            if any(kind == _DOCUMENT for _, kind, _ in _heads(file, end)):
                return False
            self._path.unlink()
        return True

    def _identify(self, file: int) -> None:
        """Forget shared parts of another file that had this path."""
        identity = os.pread(file, _IDENTITY_BYTES, len(_MAGIC))
        if identity != self._identity:
            self._identity = identity
            self._places.clear()
            self._shared.clear()

    @contextmanager
    def _locked(self) -> Iterator[int]:
        """Open the file, which is created, and lock it until the end."""
        while True:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # readable by its owner only; documents contain names of people
            file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(file, fcntl.LOCK_EX)
            if os.fstat(file).st_nlink:
                break
            os.close(file)  # deleted before it was locked
        try:
            if os.fstat(file).st_size < _BEGIN:
                os.ftruncate(file, 0)
                _write(file, _MAGIC + os.urandom(_IDENTITY_BYTES), 0)
            if os.pread(file, len(_MAGIC), 0) != _MAGIC:
                raise OSError(f"{self._path} is not a pack of tickets")
            yield file
        finally:
            os.close(file)


def _record(kind: int, body: bytes, place: int = 0) -> bytes:
    return _RECORD.pack(kind, crc32(body), len(body), place) + body


def _read_head(file: int, at: int) -> tuple[int, int, int, int]:
    head = os.pread(file, _RECORD.size, at)
    if len(head) < _RECORD.size:
        raise FileNotFoundError(f"a pack ends before {at}")
    kind, checksum, length, place = _RECORD.unpack(head)
    return kind, checksum, length, place


def _read_record(file: int, at: int) -> tuple[int, bytes, int]:
    """Return kind, body and place of the shared part. Raises FileNotFoundError if it is damaged."""
    kind, checksum, length, place = _read_head(file, at)
    if at + length > os.fstat(file).st_size:
        raise FileNotFoundError(f"a pack ends within the record at {at}")
    body = os.pread(file, length, at + _RECORD.size)
    if crc32(body) != checksum:
        raise FileNotFoundError(f"the record at {at} of a pack is damaged")
    return kind, body, place


def _cut_torn_end(file: int) -> int:
    """Return where the next record begins; what no commit record ends is cut off."""
    size = os.fstat(file).st_size
    if size == _BEGIN or _is_commit(file, size - _RECORD.size):
        return size
    commits = (at for at, kind, _ in _heads(file, size) if kind == _COMMIT)
    last = max((at for at in commits if _is_commit(file, at)), default=_BEGIN - _RECORD.size)
    os.ftruncate(file, last + _RECORD.size)
    return last + _RECORD.size


def _is_commit(file: int, at: int) -> bool:
    expected = _RECORD.pack(_COMMIT, crc32(b""), 0, at)
    return os.pread(file, _RECORD.size, at) == expected


def _heads(file: int, size: int) -> Iterator[tuple[int, int, int]]:
    """Yield place, kind and length of each record that is whole."""
    at = _BEGIN
    while at + _RECORD.size <= size:
        kind, _, length, _ = _read_head(file, at)
        if kind not in {_SHARED, _DOCUMENT, _COMMIT, _ERASED} or at + length > size:
            return
        yield at, kind, length
        at += _RECORD.size + length


def _write(file: int, content: bytes, at: int) -> None:
    rest = memoryview(content)
    while rest:
        written = os.pwrite(file, rest, at)
        rest, at = rest[written:], at + written
