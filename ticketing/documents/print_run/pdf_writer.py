"""Writes a PDF file object by object; only the places of the objects are kept in memory."""

import zlib
from collections.abc import Callable, Iterable

_HEADER = b"%PDF-1.7\n%\xf0\x9f\x96\xa4\n"
_IN_USE, _IN_STORE = 1, 2  # kinds of entries of a cross-reference stream
_OFFSET_BYTES = 5  # files of more than 4 GB
_ENTRY_BYTES = 1 + _OFFSET_BYTES + 1
_FREE = bytes(_ENTRY_BYTES)
_OBJECTS_A_STORE = 200  # the number in a store is one byte
_COMPRESSION = 6


class PdfWriter:
    """Objects have numbers from 1 on, which `reserve` gives and any `put` uses."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        """`write` gets the parts of the file in order."""
        self._write, self._at = write, 0
        self._entries = bytearray(_FREE)
        self._waiting: list[tuple[int, bytes]] = []  # for the next store
        self._append(_HEADER)

    @property
    def next_number(self) -> int:
        """Return the number that `reserve` returns next."""
        return len(self._entries) // _ENTRY_BYTES

    def reserve(self) -> int:
        """Return the number of an object that is written later."""
        number = self.next_number
        self._entries += _FREE
        return number

    def put(self, number: int, body: bytes) -> None:
        """Write an object with this number, which may have a stream."""
        self._put_written(number, b"%d 0 obj\n%s\nendobj\n" % (number, body))

    def add(self, body: bytes) -> int:
        """Write an object and return its number."""
        number = self.reserve()
        self.put(number, body)
        return number

    def add_written(self, objects: Iterable[bytes]) -> None:
        """Write objects that have their numbers already, from `next_number` on."""
        for each in objects:
            self._put_written(self.reserve(), each)

    def add_stream(self, content: bytes, *, is_compressed: bool) -> int:
        """Write a content stream and return its number."""
        if is_compressed:
            packed = zlib.compress(content, _COMPRESSION)
            return self.add(stream_body(b"/Filter/FlateDecode", packed))
        return self.add(stream_body(b"", content))

    def put_dictionary(self, number: int, body: bytes) -> None:
        """Write an object without stream, compressed together with others."""
        self._waiting.append((number, body))
        if len(self._waiting) == _OBJECTS_A_STORE:
            self._flush()

    def add_dictionary(self, body: bytes) -> int:
        """Write an object without stream and return its number."""
        number = self.reserve()
        self.put_dictionary(number, body)
        return number

    def finish(self, catalogue: int, information: int, identifier: bytes) -> None:
        """Write the end of the file; `identifier` is hexadecimal."""
        self._flush()
        number, begin = self.reserve(), self._at
        self._enter(number, _IN_USE, begin)
        packed = zlib.compress(bytes(self._entries), _COMPRESSION)
        body = stream_body(
            b"/Type/XRef/Size %d/Root %d 0 R/Info %d 0 R/W[1 %d 1]/ID[<%s><%s>]/Filter/FlateDecode"
            % (number + 1, catalogue, information, _OFFSET_BYTES, identifier, identifier),
            packed,
        )
        self._append(b"%d 0 obj\n%s\nendobj\n" % (number, body))
        self._append(b"startxref\n%d\n%%%%EOF\n" % begin)

    def _flush(self) -> None:
        """Write the waiting objects as one compressed store."""
        if not self._waiting:
            return
        places, bodies, at = [], [], 0
        store = self.reserve()
        for index, (number, body) in enumerate(self._waiting):
            places.append(b"%d %d" % (number, at))
            bodies.append(body)
            at += len(body) + 1
            self._enter(number, _IN_STORE, store, index)
        head = b" ".join(places)
        packed = zlib.compress(b"\n".join([head, *bodies]), _COMPRESSION)
        kind = b"/Type/ObjStm/N %d/First %d/Filter/FlateDecode" % (len(bodies), len(head) + 1)
        self._waiting.clear()
        self.put(store, stream_body(kind, packed))

    def _put_written(self, number: int, content: bytes) -> None:
        self._enter(number, _IN_USE, self._at)
        self._append(content)

    def _enter(self, number: int, kind: int, place: int, detail: int = 0) -> None:
        at = number * _ENTRY_BYTES
        entry = bytes((kind, *place.to_bytes(_OFFSET_BYTES), detail))
        self._entries[at : at + _ENTRY_BYTES] = entry

    def _append(self, content: bytes) -> None:
        self._write(content)
        self._at += len(content)


def stream_body(dictionary: bytes, content: bytes) -> bytes:
    """Return the body of an object with a stream."""
    return b"<<%s/Length %d>>stream\n%s\nendstream" % (dictionary, len(content), content)
