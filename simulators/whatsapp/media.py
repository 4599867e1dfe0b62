"""Uploaded files: types and sizes that Meta accepts, stored for thirty days."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from itertools import count

from simulators.http import HttpRequest
from simulators.whatsapp.graph import GraphRefusal
from simulators.whatsapp.message import AttachedFile

_RETENTION = timedelta(days=30)
_MIB = 1024 * 1024
_DOCUMENT = re.compile(r"application/(pdf|msword|vnd\.[a-z0-9.+-]+)|text/plain")
_MAX_BYTES = {"image/jpeg": 5 * _MIB, "image/png": 5 * _MIB, "image/webp": 500 * 1024}
_MAX_DOCUMENT_BYTES = 100 * _MIB


@dataclass(frozen=True, slots=True)
class StoredFile:
    """Uploaded file."""

    id: str
    file: AttachedFile
    content: bytes
    expires_at: datetime


def parse_multipart(request: HttpRequest) -> dict[str, tuple[str, str, bytes]]:
    """Return the fields of a multipart form: file name, media type, content."""
    head = f"Content-Type: {request.headers.get('content-type', '')}\r\n\r\n".encode()
    whole = message_from_bytes(head + request.body, policy=policy.HTTP)
    parts: dict[str, tuple[str, str, bytes]] = {}
    for part in whole.iter_parts():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(content, bytes):
            parts[name] = (part.get_filename() or "", part.get_content_type(), content)
    return parts


def file_metadata(name: str, media_type: str, content: bytes) -> AttachedFile:
    """Return the metadata of a sent file."""
    return AttachedFile(name, media_type, len(content), hashlib.sha256(content).hexdigest())


class MediaStore:
    """Store of uploaded files."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._numbers = count(1_037_543_291_000_001)
        self._stored: dict[str, StoredFile] = {}

    def upload(self, request: HttpRequest) -> StoredFile:
        """Store a file."""
        parts = parse_multipart(request)
        if parts.get("messaging_product", ("", "", b""))[2] != b"whatsapp":
            raise GraphRefusal(100, "(#100) The parameter messaging_product is required.")
        if "file" not in parts:
            raise GraphRefusal(100, "(#100) The parameter file is required.")
        name, media_type, content = parts["file"]
        largest = _MAX_BYTES.get(media_type)
        if largest is None and _DOCUMENT.fullmatch(media_type):
            largest = _MAX_DOCUMENT_BYTES
        if largest is None:
            raise GraphRefusal(100, f"Param file must be a file of a supported type: {media_type}")
        if not 0 < len(content) <= largest:
            raise GraphRefusal(131053, "File size is zero or larger than its type may be")
        file = file_metadata(name, media_type, content)
        stored = StoredFile(str(next(self._numbers)), file, content, self._clock() + _RETENTION)
        self._stored[stored.id] = stored
        return stored

    def find(self, media_id: str) -> StoredFile:
        """Return a stored file."""
        stored = self._stored.get(media_id)
        if stored is None or stored.expires_at <= self._clock():
            raise GraphRefusal(100, f"Object with ID '{media_id}' does not exist")
        return stored

    def delete(self, media_id: str) -> None:
        """Delete a file."""
        del self._stored[self.find(media_id).id]

    def all(self) -> list[StoredFile]:
        """Return all files that were not deleted, including expired ones."""
        return list(self._stored.values())
