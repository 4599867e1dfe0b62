"""The socket beneath routeros-api, which writes each word by itself and reads byte by byte."""

import re
import socket
import ssl

_RECEIVE_BYTES = 1 << 16
_MAX_WORD_BYTES = 1 << 24  # far above any row; a wrong length must not fill the memory
_TAIL_BYTES = 512  # longer than a trap without a message
_TAG = re.compile(rb"\.tag=(\d+)")


class BufferedSocket:
    """Sends what was written when something is read, so that many commands are one packet.

    It has the methods of a socket that routeros-api calls.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._written: list[bytes] = []
        self._received, self._position = b"", 0
        self._tail = b""  # what was read before `_received`
        self._is_closed = False

    def sendall(self, data: bytes) -> None:
        """Keep bytes until something is read."""
        self._written.append(data)

    def recv(self, size: int) -> bytes:
        """Return at most `size` bytes, and none at the end. Raises OSError."""
        if self._is_closed:
            raise ConnectionError("the connection is closed")
        if size > _MAX_WORD_BYTES:
            raise ConnectionError(f"a word of {size} bytes")
        if self._written:
            written, self._written = self._written, []
            self._connection.sendall(b"".join(written))
        if self._position == len(self._received):
            self._tail = (self._tail + self._received)[-_TAIL_BYTES:]
            self._received, self._position = self._connection.recv(_RECEIVE_BYTES), 0
        begins = self._position
        self._position = min(begins + size, len(self._received))
        return self._received[begins : self._position]

    def close(self) -> None:
        """Close the socket; what was received and not read yet is never read."""
        self._is_closed = True
        self._connection.close()

    def settimeout(self, seconds: float) -> None:
        """Set the longest silence of the router."""
        self._connection.settimeout(seconds)

    def written_tag(self) -> bytes:
        """Return the tag of the command that was written last; it is the word before the end."""
        tag = _TAG.search(self._written[-2])
        if tag is None:
            raise ConnectionError("a command without a tag")
        return tag[1]

    def read_trap_tag(self) -> bytes:
        """Return the tag of the trap that was read last; empty unless it is certain."""
        read = self._tail + self._received[: self._position]
        _, found, words = read.rpartition(b"!trap")
        tags = _TAG.findall(words) if found else []
        return tags[0] if len(tags) == 1 else b""

    def is_idle(self) -> bool:
        """Return whether the connection, on which no reply is awaited, is still open.

        Bytes or an end of file mean that it is not: the router sent `!fatal` or restarted.
        """
        if self._is_closed or self._written or self._position < len(self._received):
            return False
        timeout = self._connection.gettimeout()
        self._connection.setblocking(False)
        try:
            self._connection.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except OSError:
            return False
        finally:
            self._connection.settimeout(timeout)
        return False
