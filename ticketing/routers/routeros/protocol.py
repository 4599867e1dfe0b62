"""Encoding and decoding of RouterOS sentences; their meaning is in `pipeline.py`."""

from collections.abc import Iterable, Iterator

_MAX_WORD_BYTES = 1 << 24  # far above any row; a wrong length must not block for ever


# length prefixes of long words: upper limit, mark of the first byte, number of bytes
_LENGTH_PREFIXES = ((1 << 14, 0x80, 2), (1 << 21, 0xC0, 3), (1 << 28, 0xE0, 4), (1 << 32, 0xF0, 5))
_SHORT_LENGTHS = [bytes((length,)) for length in range(1 << 7)]
_RESERVED = 0xF8


class ProtocolError(Exception):
    """Bytes that RouterOS does not send."""


def _encode_length(length: int) -> bytes:
    if length < len(_SHORT_LENGTHS):
        return _SHORT_LENGTHS[length]
    mark, size = next((mark, size) for below, mark, size in _LENGTH_PREFIXES if length < below)
    return (mark << 8 * (size - 1) | length).to_bytes(size, "big")


def encode_sentence(words: Iterable[str]) -> bytes:
    """Return a sentence as bytes."""
    parts = []
    for word in words:
        raw = word.encode()
        parts.append(_encode_length(len(raw)))
        parts.append(raw)
    parts.append(b"\0")
    return b"".join(parts)


class SentenceDecoder:
    """Incremental decoder of sentences."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, piece: bytes) -> Iterator[list[str]]:
        """Yield the sentences that are complete with this piece."""
        data = self._buffer + piece
        consumed = position = 0  # up to where sentences are whole, and words
        words: list[str] = []
        while position < len(data):
            begins, ends = position + 1, position + 1 + data[position]
            if data[position] >= len(_SHORT_LENGTHS):
                begins, ends = _word_bounds(data, position)
            if ends > len(data):
                break
            if ends > begins:
                words.append(str(data[begins:ends], "utf-8", "replace"))
            else:
                if words:
                    yield words
                words, consumed = [], ends
            position = ends
        self._buffer = data[consumed:]


def _word_bounds(data: bytes, position: int) -> tuple[int, int]:
    """Return the bounds of a word; beyond the data if its length is incomplete."""
    first = data[position]
    if first >= _RESERVED:
        raise ProtocolError(f"an unexpected control byte {first:#x}")
    mark, size = next((mark, size) for _, mark, size in reversed(_LENGTH_PREFIXES) if first >= mark)
    begins = position + size
    if begins > len(data):
        return begins, begins
    length = int.from_bytes(data[position:begins], "big") - (mark << 8 * (size - 1))
    if length > _MAX_WORD_BYTES:
        raise ProtocolError(f"a word of {length} bytes")
    return begins, begins + length
