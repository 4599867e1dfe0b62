"""A client that sends what it is told, word by word or byte by byte, and shows what comes back."""

import socket

from simulators.routeros.wire import SentenceReader, encode_sentence

_PIECE = 1 << 16
_TIMEOUT_SECONDS = 60


class RawApiClient:
    """A connection to a router, on which nothing is said unasked; not even a login."""

    def __init__(self, host: str, port: int) -> None:
        """Connect."""
        self.socket = socket.create_connection((host, port), timeout=_TIMEOUT_SECONDS)
        self._sentences = SentenceReader()
        self._waiting: list[list[bytes]] = []

    def send(self, *sentences: list[str]) -> None:
        """All of them in one go."""
        whole = [encode_sentence(word.encode("latin-1") for word in words) for words in sentences]
        self.socket.sendall(b"".join(whole))

    def receive(self, count: int = 1) -> list[list[str]]:
        """So many sentences, or fewer when the connection ends before."""
        while len(self._waiting) < count and (piece := self._piece()):
            self._waiting += self._sentences.feed(piece)
        heard, self._waiting = self._waiting[:count], self._waiting[count:]
        return [[word.decode("latin-1") for word in words] for words in heard]

    def ask(self, *words: str, replies: int = 1) -> list[list[str]]:
        """One sentence, and so many that answer it."""
        self.send(list(words))
        return self.receive(replies)

    def is_closed(self) -> bool:
        """Whether the other side ended it; waits for either."""
        return not self._piece()

    def _piece(self) -> bytes:
        try:
            return self.socket.recv(_PIECE)
        except ConnectionError:
            return b""
