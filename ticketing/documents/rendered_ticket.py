"""The PDF file of one ticket, in two parts so that the shared one is never copied."""

from typing import NamedTuple


class RenderedTicket(NamedTuple):  # is made three times as fast as a frozen dataclass
    """A PDF file: what it shares with other tickets, its own part, and the digest of both.

    `in_full` when it was not stamped, which takes hundreds of times longer.
    """

    shared: bytes
    own: bytes
    sha256: str
    in_full: bool

    @property
    def size(self) -> int:
        """Return the size of the file in bytes."""
        return len(self.shared) + len(self.own)

    @property
    def content(self) -> bytes:
        """Return the file."""
        return self.shared + self.own
