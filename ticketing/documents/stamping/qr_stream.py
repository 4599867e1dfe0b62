"""The stream of a ticket that fills the dark modules of its QR code.

The first codes of a process are made one by one. From then on they are made from tables, which
takes a tenth of the time once the tables are learnt; the bytes are the same.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from ticketing.documents.qr import QUIET_ZONE, QrCode

_SINGLE_CODES = 100  # learning the tables takes as long as these codes
_MAX_PREPARED = 1_000


class QrStreams:
    """Streams of codes, prepared for many texts at once where they are known. Not thread-safe."""

    def __init__(self) -> None:
        self._made = Counter[int]()  # by length of the text
        self._prepared: dict[str, bytes] = {}

    def prepare(self, texts: Iterable[str]) -> None:
        """Make the codes of texts that will be asked for; a hint, which changes no result."""
        by_length: defaultdict[int, list[str]] = defaultdict(list)
        for text in texts:
            by_length[len(text)].append(text)
        if len(self._prepared) > _MAX_PREPARED:
            self._prepared.clear()  # nobody asked for them
        for length, group in by_length.items():
            self._made[length] += len(group)
            if self._made[length] > _SINGLE_CODES:
                self._prepared.update(zip(group, _paths(group), strict=False))

    def stream(self, text: str) -> bytes:
        """Return the operators of a code.

        They are not compressed: that would take a third of the time of a ticket, and save a tenth
        of the file.
        """
        path = self._prepared.pop(text, None)
        if path is None:
            self._made[len(text)] += 1
            if self._made[len(text)] > _SINGLE_CODES:
                path = next(_paths([text]), None)
        return (_single_path(text) if path is None else path) + b"f"


def _paths(texts: list[str]) -> Iterator[bytes]:
    from ticketing.documents.stamping.qr_batch import qr_paths  # noqa: PLC0415  # loads numpy

    return qr_paths(texts)


def box_width(side: int) -> int:
    """Return the bytes of each operator: all are as long as the longest one."""
    return len(b"%d %d %d 1 re " % (side, side, side))


def _single_path(text: str) -> bytes:
    code = QrCode(text)
    width = box_width(code.side - QUIET_ZONE)
    return b"".join([(b"%d %d %d 1 re" % run).ljust(width) for run in code.runs])
