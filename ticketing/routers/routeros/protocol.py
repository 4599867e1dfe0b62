"""RouterOS sentences as bytes and back. What they say is read in `routeros_connection`."""

from collections.abc import Iterable, Iterator

_MAX_WORD_BYTES = 1 << 24  # what no row of a hotspot comes near; a wrong length would wait for ever


# longer words have longer lengths: below what, marked by which first byte, how many bytes
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
    """A sentence on the wire."""
    parts = []
    for word in words:
        raw = word.encode()
        parts.append(_encode_length(len(raw)))
        parts.append(raw)
    parts.append(b"\0")
    return b"".join(parts)


class SentenceDecoder:
    """Sentences out of the pieces that the network brings."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._buffer = b""

    def feed(self, piece: bytes) -> Iterator[list[str]]:
        """The sentences that are complete with this piece."""
        data = self._buffer + piece
        whole = place = 0  # up to where sentences are whole, and words
        words: list[str] = []
        while place < len(data):
            begins, ends = place + 1, place + 1 + data[place]
            if data[place] >= len(_SHORT_LENGTHS):
                begins, ends = _word_bounds(data, place)
            if ends > len(data):
                break
            if ends > begins:
                words.append(str(data[begins:ends], "utf-8", "replace"))
            else:
                if words:
                    yield words
                words, whole = [], ends
            place = ends
        self._buffer = data[whole:]


def _word_bounds(data: bytes, place: int) -> tuple[int, int]:
    """Where a word begins and ends; beyond the data when its length is not all there."""
    first = data[place]
    if first >= _RESERVED:
        raise ProtocolError(f"a control byte {first:#x}")
    mark, size = next((mark, size) for _, mark, size in reversed(_LENGTH_PREFIXES) if first >= mark)
    begins = place + size
    if begins > len(data):
        return begins, begins
    length = int.from_bytes(data[place:begins], "big") - (mark << 8 * (size - 1))
    if length > _MAX_WORD_BYTES:
        raise ProtocolError(f"a word of {length} bytes")
    return begins, begins + length
