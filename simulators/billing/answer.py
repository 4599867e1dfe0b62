"""Responses with everything that a faulty server does to them."""

import json
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Literal

JSON_TYPE, HTML_TYPE = "application/json", "text/html; charset=utf-8"
_REASONS = {status.value: status.phrase for status in HTTPStatus}
_BODILESS = {204, 304}


@dataclass(slots=True)
class Answer:
    """Response; status 0 closes the connection without one."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    framing: Literal["length", "chunked", "close"] = "length"
    is_cut: bool = False  # close the connection after half of the body
    is_silent: bool = False  # send nothing, keep the connection
    drops_next: bool = False  # close the connection when the next request arrives on it
    drip_seconds: float = 0.0  # between two bytes of the body
    delay_seconds: float = 0.0  # before the first byte

    @classmethod
    def json(cls, status: int, value: object, headers: dict[str, str] | None = None) -> "Answer":
        """Create a JSON response."""
        return cls(
            status, json.dumps(value).encode(), {"Content-Type": JSON_TYPE, **(headers or {})}
        )

    @classmethod
    def refusal(cls, status: int, message: str) -> "Answer":
        """Create the JSON response of a request that was not understood or not allowed."""
        return cls.json(status, {"status": False, "message": message})

    @property
    def closes(self) -> bool:
        """Return whether the connection ends with this response."""
        return self.is_cut or self.framing == "close"

    def encode(self) -> tuple[bytes, bytes]:
        """Return the head and the body as they are sent."""
        body = self.body[: len(self.body) // 2] if self.is_cut else self.body
        lines = [f"HTTP/1.1 {self.status} {_REASONS.get(self.status, 'Unknown')}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        if self.framing == "chunked":
            lines.append("Transfer-Encoding: chunked")
            end = b"" if self.is_cut else b"0\r\n\r\n"
            body = f"{len(body):x}\r\n".encode() + body + b"\r\n" + end
        elif self.framing == "close":
            lines.append("Connection: close")
        elif self.status not in _BODILESS:
            lines.append(f"Content-Length: {len(self.body)}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"), body
