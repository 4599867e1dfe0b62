"""The part of a PDF file that all tickets of a variant share, byte for byte."""

import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from ticketing.documents.stamping.operators import PageParts
from ticketing.documents.stamping.weasyprint_access import object_of, page_of, resources_of

_HEADER = b"%PDF-1.7\n%\xf0\x9f\x96\xa4\n"
_REFERENCE = re.compile(rb"(\d+) 0 R")
_COMPRESSION = 9  # once for all tickets
_CATALOG = 2
FREE, IN_USE, IN_STORE = 0, 1, 2  # kinds of entries of a cross-reference stream
_KINDS = _DETAILS = tuple(bytes([number]) for number in range(256))


@dataclass(frozen=True, slots=True, eq=False)
class PageSource:
    """A page as another document can take it over; equal only to itself.

    `static` are the operators around its slots, `box` is the media box in points, `resources` are
    values by kind and name, `objects` are bodies by number, as far as the page needs them.
    """

    static: tuple[bytes, ...]
    box: tuple[float, float, float, float]
    resources: Mapping[bytes, Mapping[bytes, bytes]]
    objects: Mapping[int, bytes]


def page_source(pdf: Any, static: tuple[bytes, ...]) -> PageSource:  # noqa: ANN401  # pydyf is untyped
    """Return the page of a `pdf` that has all objects but is not written yet."""
    left, bottom, right, top = page_of(pdf)["MediaBox"]
    objects = {
        number: _body(pdf.objects[number])
        for number in _reachable(pdf.objects, int(page_of(pdf)["Resources"].split()[0]))
    }
    box = float(left), float(bottom), float(right), float(top)
    return PageSource(static, box, resources_of(pdf), objects)


def _body(each: Any) -> bytes:  # noqa: ANN401  # pydyf is untyped
    return bytes(each.data)


@dataclass(frozen=True, slots=True)
class PdfPrefix:
    """The bytes of a file up to its first slot, and what its end must refer to.

    Objects have these numbers: static ones, slots, `info`, the store of `store_entry`, then free.
    `entries` are the cross-references of static objects.
    """

    content: bytes
    digest: Any  # hashlib's SHA-256 of the content, to be continued
    entries: bytes
    store_entry: bytes
    first_slot: int
    info: int
    next_free: int
    font_dictionary: int
    font_references: bytes
    source: PageSource


def entry(kind: int, place: int, detail: int = 0) -> bytes:
    """Return a row of a cross-reference stream with fields of 1, 4 and 1 bytes."""
    return _KINDS[kind] + place.to_bytes(4) + _DETAILS[detail]


def stream_object(number: int, dictionary: bytes, content: bytes) -> bytes:
    """Return an object with a stream."""
    return b"%d 0 obj\n<<%s/Length %d>>stream\n%s\nendstream\nendobj\n" % (
        number, dictionary, len(content), content,
    )  # fmt: skip


def build_prefix(pdf: Any, parts: PageParts) -> PdfPrefix:  # noqa: ANN401  # pydyf is untyped
    """Return the prefix for a page whose `pdf` has all objects but is not written yet."""
    page = page_of(pdf)
    fonts = object_of(pdf, object_of(pdf, page["Resources"])["Font"])
    first_chunk = len(pdf.objects)
    first_slot = first_chunk + len(parts.static)
    info = first_slot + len(parts.slots)
    source = page_source(pdf, parts.static)
    page["Contents"] = _contents(first_chunk, first_slot, len(parts.slots))
    builder = _PrefixBuilder()
    builder.add_objects(pdf)
    for number, chunk in enumerate(parts.static, first_chunk):
        packed = zlib.compress(chunk, _COMPRESSION)
        builder.add(number, stream_object(number, b"/Filter/FlateDecode", packed))
    store_entry = builder.add_store(info + 1)
    content = bytes(builder.content)
    return PdfPrefix(
        content,
        sha256(content),
        b"".join(builder.entries(first_slot)),
        store_entry,
        first_slot,
        info,
        info + 2,
        fonts.number,
        b"".join(b"/%s %s" % (_bytes(name), _bytes(value)) for name, value in fonts.items()),
        source,
    )


def _contents(first_chunk: int, first_slot: int, slots: int) -> Any:  # noqa: ANN401
    """Return the array of content streams: static operators and slots in turn."""
    import pydyf  # noqa: PLC0415  # with WeasyPrint, which takes a second

    numbers = [first_chunk]
    for at in range(slots):
        numbers += [first_slot + at, first_chunk + at + 1]
    return pydyf.Array([each for number in numbers for each in (number, 0, "R")])


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode()


class _PrefixBuilder:
    """Collects objects: streams in the file, others in one compressed store."""

    def __init__(self) -> None:
        self.content = bytearray(_HEADER)
        self._offsets: dict[int, int] = {}
        self._stored: list[tuple[int, bytes]] = []
        self._store = 0

    def add(self, number: int, content: bytes) -> None:
        self._offsets[number] = len(self.content)
        self.content += content

    def add_objects(self, pdf: Any) -> None:  # noqa: ANN401  # pydyf is untyped
        """Add the objects that the catalogue leads to."""
        for number in sorted(_reachable(pdf.objects)):
            each = pdf.objects[number]
            if hasattr(each, "stream"):
                self.add(number, bytes(each.indirect) + b"\n")
            else:
                self._stored.append((number, bytes(each.data)))

    def add_store(self, number: int) -> bytes:
        """Add the store of all objects without stream; return its cross-reference."""
        self._store = number
        places, at = [], 0
        for stored, data in self._stored:
            places.append(b"%d %d" % (stored, at))
            at += len(data) + 1
        head = b" ".join(places)
        packed = zlib.compress(
            b"\n".join([head, *(data for _, data in self._stored)]), _COMPRESSION
        )
        dictionary = b"/Type/ObjStm/N %d/First %d/Filter/FlateDecode" % (
            len(self._stored), len(head) + 1,
        )  # fmt: skip
        offset = len(self.content)
        self.content += stream_object(number, dictionary, packed)
        return entry(IN_USE, offset)

    def entries(self, count: int) -> Iterator[bytes]:
        """Yield the cross-references of the first objects."""
        in_store = {number: at for at, (number, _) in enumerate(self._stored)}
        for number in range(count):
            if number in self._offsets:
                yield entry(IN_USE, self._offsets[number])
            elif number in in_store:
                yield entry(IN_STORE, self._store, in_store[number])
            else:
                yield entry(FREE, 0, 0 if number else 255)


def _reachable(objects: Sequence[Any], root: int = _CATALOG) -> set[int]:
    """Return the numbers of the objects that one refers to, directly or not, and its own."""
    found, waiting = set[int](), [root]
    while waiting:
        number = waiting.pop()
        if number in found or number >= len(objects):
            continue  # slots and chunks have no object yet
        found.add(number)
        waiting += map(int, _REFERENCE.findall(_dictionary_of(objects[number])))
    return found


def _dictionary_of(each: Any) -> bytes:  # noqa: ANN401  # pydyf is untyped
    import pydyf  # noqa: PLC0415  # with WeasyPrint, which takes a second

    return bytes(pydyf.Dictionary(each.extra).data if hasattr(each, "stream") else each.data)
