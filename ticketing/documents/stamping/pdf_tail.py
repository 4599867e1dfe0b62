"""The part of a PDF file that belongs to one ticket: its slots, information and references."""

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ticketing.documents.stamping.pdf_prefix import IN_USE, PdfPrefix, entry, stream_object

_SPECIAL = re.compile(rb"([\\()])")
_CATALOG = 2
_END_OF_STREAM = b"\nendstream\nendobj\n"


class DocumentInformation(NamedTuple):  # is made three times as fast as a frozen dataclass
    """What a viewer shows about the document; `created` is written as in PDF files."""

    producer: str
    title: str
    author: str
    subject: str
    created: str


@dataclass(frozen=True, slots=True)
class ExtraFonts:
    """Objects of fonts that only this ticket has, and references to them by name."""

    objects: Sequence[bytes]
    references: bytes


def write_tail(
    prefix: PdfPrefix,
    slots: Sequence[bytes],
    information: DocumentInformation,
    identifier: str,
    fonts: ExtraFonts | None = None,
) -> bytes:
    """Return the end of the file; `slots` are the operators of each slot."""
    parts: list[bytes] = []
    offsets = []
    at = len(prefix.content)
    for number, operators in enumerate(slots, prefix.first_slot):
        head = b"%d 0 obj\n<</Length %d>>stream\n" % (number, len(operators))
        parts += (head, operators, _END_OF_STREAM)  # joined once: a QR code has 6 KB
        offsets.append(at)
        at += len(head) + len(operators) + len(_END_OF_STREAM)
    static, added = prefix.entries, b""
    following = [_information_object(prefix.info, information)]
    if fonts is not None:
        dictionary = b"%d 0 obj\n<<%s%s>>\nendobj\n" % (
            prefix.font_dictionary, prefix.font_references, fonts.references,
        )  # fmt: skip
        following += [*fonts.objects, dictionary]
    for each in following:
        offsets.append(at)
        at += len(each)
    own = [entry(IN_USE, place) for place in offsets]
    slots_and_information = own[: len(slots) + 1]
    if fonts is not None:
        static = _with_entry(static, prefix.font_dictionary, own.pop())
        added = b"".join(own[len(slots) + 1 :])
    rows = b"".join([static, *slots_and_information, prefix.store_entry, added, entry(IN_USE, at)])
    number = prefix.next_free + (len(fonts.objects) if fonts is not None else 0)
    references = _references(number, prefix.info, rows, identifier.encode(), at)
    return b"".join([*parts, *following, references])


def _references(number: int, info: int, rows: bytes, identifier: bytes, at: int) -> bytes:
    """Return the cross-reference stream, uncompressed because that takes longer than it saves."""
    dictionary = b"/Type/XRef/Size %d/Root %d 0 R/Info %d 0 R/W[1 4 1]/ID[(%s)(%s)]" % (
        number + 1, _CATALOG, info, identifier, identifier,
    )  # fmt: skip
    stream = stream_object(number, dictionary, rows)
    return b"%sstartxref\n%d\n%%%%EOF\n" % (stream, at)


def _with_entry(entries: bytes, number: int, changed: bytes) -> bytes:
    size = len(changed)
    return entries[: number * size] + changed + entries[(number + 1) * size :]


def _information_object(number: int, information: DocumentInformation) -> bytes:
    return (
        b"%d 0 obj\n<</Producer%s/Title%s/Author%s/Subject%s/CreationDate%s/ModDate%s>>\nendobj\n"
        % (
            number,
            _known_string(information.producer),
            pdf_string(information.title),
            _known_string(information.author),
            pdf_string(information.subject),
            _known_string(information.created),
            _known_string(information.created),
        )
    )


def pdf_string(text: str) -> bytes:
    """Return a text as a string of PDF."""
    if text.isascii():
        return b"(%s)" % _SPECIAL.sub(rb"\\\1", text.encode())
    return b"<feff%s>" % text.encode("utf-16-be").hex().encode()


_known_string = functools.lru_cache(maxsize=1024)(pdf_string)
