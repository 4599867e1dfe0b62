"""Fonts, pictures and static operators that pages of a print run share, each written once."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from ticketing.documents.print_run.pdf_writer import PdfWriter
from ticketing.documents.stamping.pdf_prefix import PageSource

_REFERENCE = re.compile(rb"(\d+) 0 R")
_NAME = re.compile(rb"/([^\s/<>\[\](){}%]+)")
_STREAM = b"stream\n"
Names = Mapping[bytes, bytes]  # in the print run, by the name on the page


@dataclass(frozen=True, slots=True)
class CopiedPage:
    """A page whose objects are in the file: numbers of its static operators, changed names."""

    static: tuple[int, ...]
    renamed: Names


class SharedResources:
    """The only resources of the file, which every page refers to.

    A name that another page uses for something else is changed.
    """

    def __init__(self, writer: PdfWriter) -> None:
        """The dictionary is written by `finish`."""
        self._writer = writer
        self.number = writer.reserve()
        self._entries: dict[bytes, dict[bytes, bytes]] = {}  # value by kind and name
        self._written: dict[bytes, int] = {}  # number by the digest of what was written

    def copy(self, page: PageSource) -> CopiedPage:
        """Write what a page needs, unless an equal object was written before."""
        numbers: dict[int, int] = {}
        renamed: dict[bytes, bytes] = {}
        for kind, entries in page.resources.items():
            for name, value in entries.items():
                unique = self._enter(kind, name, self._renumbered(page, value, numbers))
                if unique != name:
                    renamed[name] = unique
        static = [self.add_operators(rename(operators, renamed)) for operators in page.static]
        return CopiedPage(tuple(static), renamed)

    def add_operators(self, operators: bytes) -> int:
        """Return the number of a content stream with these operators."""
        return self._write_once(operators, is_operators=True)

    def add_fonts(self, references: bytes) -> None:
        """Add fonts by their references `/T1 12 0 R`."""
        words = references.replace(b"/", b" /").split()
        for name, number in zip(words[::4], words[1::4], strict=True):
            self._enter(b"Font", name[1:], b"%s 0 R" % number)

    def finish(self) -> None:
        """Write the dictionary."""
        kinds = [
            b"/%s<<%s>>" % (kind, b"".join(b"/%s %s" % each for each in entries.items()))
            for kind, entries in self._entries.items()
        ]
        self._writer.put_dictionary(self.number, b"<<%s>>" % b"".join(kinds))

    def _enter(self, kind: bytes, name: bytes, value: bytes) -> bytes:
        """Return the name under which a value is entered."""
        entries = self._entries.setdefault(kind, {})
        unique, attempt = name, 0
        while entries.setdefault(unique, value) != value:
            attempt += 1
            unique = b"%s.%d" % (name, attempt)
        return unique

    def _renumbered(self, page: PageSource, value: bytes, numbers: dict[int, int]) -> bytes:
        """Return a value with references to copied objects."""

        def reference(match: re.Match[bytes]) -> bytes:
            number = int(match[1])
            if number not in numbers:
                numbers[number] = self._copy_object(page, number, numbers)
            return b"%d 0 R" % numbers[number]

        return _REFERENCE.sub(reference, value)

    def _copy_object(self, page: PageSource, number: int, numbers: dict[int, int]) -> int:
        dictionary, separator, content = page.objects[number].partition(_STREAM)
        return self._write_once(self._renumbered(page, dictionary, numbers) + separator + content)

    def _write_once(self, body: bytes, *, is_operators: bool = False) -> int:
        key = sha256(b"%d%s" % (is_operators, body)).digest()
        number = self._written.get(key)
        if number is None:
            if is_operators:
                number = self._writer.add_stream(body, is_compressed=True)
            else:
                number = self._writer.add(body)
            self._written[key] = number
        return number


def rename(operators: bytes, names: Names) -> bytes:
    """Return operators with other names of resources."""
    if not names:
        return operators
    return _NAME.sub(lambda match: b"/" + names.get(match[1], match[1]), operators)
