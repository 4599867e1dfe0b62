"""Wire format: length-prefixed words; an empty word ends a sentence."""

from collections.abc import Iterable, Iterator

MAX_WORD_BYTES = 1 << 20
MAX_SENTENCE_BYTES = 1 << 22

# lengths below, prefix of the first byte, total bytes
_SHAPES = (
    (1 << 7, 0x00, 1),
    (1 << 14, 0x80, 2),
    (1 << 21, 0xC0, 3),
    (1 << 28, 0xE0, 4),
    (1 << 32, 0xF0, 5),
)
_SHORT = [bytes((length,)) for length in range(1 << 7)]
_CONTROL = 0xF8  # first bytes from here on are reserved


class Malformed(Exception):
    """Invalid input: a control byte or an oversized word."""


def encode_length(length: int) -> bytes:
    """Encode a word length in as few bytes as possible."""
    if length < len(_SHORT):
        return _SHORT[length]
    mark, size = next((mark, size) for below, mark, size in _SHAPES if length < below)
    return (length | mark << 8 * (size - 1)).to_bytes(size, "big")


def encode_sentence(words: Iterable[bytes]) -> bytes:
    """Encode words as a sentence."""
    return b"".join([encode_length(len(word)) + word for word in words]) + b"\0"


class SentenceReader:
    """Incremental parser of sentences."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._read = 0  # bytes of _bytes that are parsed
        self._words: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> Iterator[list[bytes]]:
        """Yield the sentences completed by these bytes; raise Malformed for invalid input."""
        self._bytes += data
        while (word := self._next_word()) is not None:
            if word:
                self._keep(word)
            elif self._words:
                words, self._words, self._size = self._words, [], 0
                yield words
        del self._bytes[: self._read]
        self._read = 0

    def _keep(self, word: bytes) -> None:
        self._size += len(word)
        if self._size > MAX_SENTENCE_BYTES:
            raise Malformed("sentence too long")
        self._words.append(word)

    def _next_word(self) -> bytes | None:
        if self._read >= len(self._bytes):
            return None
        first = self._bytes[self._read]
        begins, length = self._read + 1, first
        if first >= len(_SHORT):
            begins, length = self._long(first)
        ends = begins + length
        if ends > len(self._bytes):
            return None
        self._read = ends
        return bytes(self._bytes[begins:ends])

    def _long(self, first: int) -> tuple[int, int]:
        """Return the start and length of a word; a start beyond the data means incomplete."""
        if first >= _CONTROL:
            raise Malformed(f"control byte {first:#x}")
        mark, size = next((mark, size) for _, mark, size in reversed(_SHAPES) if first >= mark)
        begins = self._read + size
        if begins > len(self._bytes):
            return begins, 0
        value = int.from_bytes(self._bytes[self._read : begins], "big")
        length = value - (mark << 8 * (size - 1))
        if length > MAX_WORD_BYTES:
            raise Malformed(f"a word of {length} bytes")
        return begins, length
