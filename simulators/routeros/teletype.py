"""Low-level API client for tests: sends given words or bytes and returns the replies."""

import socket

from simulators.routeros.wire import SentenceReader, encode_sentence

_PIECE = 1 << 16
_TIMEOUT_SECONDS = 60


class RawApiClient:
    """Connection without automatic login."""

    def __init__(self, host: str, port: int) -> None:
        self.socket = socket.create_connection((host, port), timeout=_TIMEOUT_SECONDS)
        self._sentences = SentenceReader()
        self._waiting: list[list[bytes]] = []

    def send(self, *sentences: list[str]) -> None:
        """Send sentences in one write."""
        whole = [encode_sentence(word.encode("latin-1") for word in words) for words in sentences]
        self.socket.sendall(b"".join(whole))

    def receive(self, count: int = 1) -> list[list[str]]:
        """Receive `count` sentences, fewer if the connection ends."""
        while len(self._waiting) < count and (piece := self._piece()):
            self._waiting += self._sentences.feed(piece)
        received, self._waiting = self._waiting[:count], self._waiting[count:]
        return [[word.decode("latin-1") for word in words] for words in received]

    def ask(self, *words: str, replies: int = 1) -> list[list[str]]:
        """Send a sentence and receive `replies` sentences."""
        self.send(list(words))
        return self.receive(replies)

    def is_closed(self) -> bool:
        """Return whether the peer closed the connection; blocks until data or the end arrives."""
        return not self._piece()

    def _piece(self) -> bytes:
        try:
            return self.socket.recv(_PIECE)
        except ConnectionError:
            return b""
