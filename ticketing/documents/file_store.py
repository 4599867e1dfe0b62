"""The document store: one folder per event, with a file per document or packs of many.

The path of a file is `<event>/<2 hex>/<code>.pdf`, that of a document in a pack
`<event>/<version>.pack/<place>/<code>.pdf`: a path tells where its document is, whatever the
setting is for new ones. Files are written atomically.

A killed write leaves only a `.part` file. Its lock ends with its process, which is how `sweep`
tells a leftover from a file that is being written.
"""

import fcntl
import functools
import hashlib
import os
import re
import shutil
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any

from ticketing.documents.packs.pack_file import Pack, PackedDocument
from ticketing.platform.kernel.errors import Refused, Unavailable

MIB = 1024 * 1024
_PARTIAL_SUFFIX = ".part"


_PACK_SUFFIX = ".pack"
_PATH_IN_PACK = re.compile(rf"(.+{re.escape(_PACK_SUFFIX)})/([0-9]+)/([^/]+)")


class DocumentSink(StrEnum):
    """Where new documents go: a file each, or packs of many."""

    FILES = "files"
    PACKS = "packs"


class DocumentFolder:
    """Documents by the relative path that the database has. Thread-safe."""

    def __init__(
        self,
        root: Path,
        *,
        max_file_size: int = 10 * MIB,
        min_free_disk: int = 256 * MIB,
        sink: DocumentSink = DocumentSink.FILES,
    ) -> None:
        """Sizes are in bytes; the root is created with the first document."""
        self.root, self.sink = root, sink
        self._packs: dict[Path, Pack] = {}
        self._pack_lock = threading.Lock()
        self._resolved_root: Path | None = None
        self._max_file_size = max_file_size
        self._min_free_disk = min_free_disk

    def __reduce__(self) -> tuple[object, ...]:
        """Return how another process opens the same folder."""
        settings: dict[str, Any] = {
            "max_file_size": self._max_file_size,
            "min_free_disk": self._min_free_disk,
            "sink": self.sink,
        }
        return functools.partial(type(self), self.root, **settings), ()

    def path_for(self, event_slug: str, ticket_code: str) -> str:
        """Return `<event>/<2 hex>/<code>.pdf`; 256 subfolders keep directories small."""
        prefix = hashlib.sha256(ticket_code.encode()).hexdigest()[:2]
        return f"{event_slug}/{prefix}/{ticket_code}.pdf"

    def write(self, relative: str, content: bytes | tuple[bytes, ...]) -> None:
        """Write a document, or its parts, atomically, replacing an older one.

        The file is flushed to disk before it gets its name, so that after a power cut it is
        complete or missing; the folder is not flushed, because a missing document is rendered
        again. Raises Unavailable when the disk is nearly full.
        """
        parts = content if isinstance(content, tuple) else (content,)
        path, size = self._resolve(relative), sum(map(len, parts))
        self.require_size(relative, size)
        self._refuse_full_disk(path, size)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with _create_partial_file(path) as (part, descriptor):
                for part_of_content in parts:
                    _write_all(descriptor, part_of_content)
                os.fsync(descriptor)
                part.replace(path)
        except OSError as error:
            raise Unavailable(f"{relative} cannot be written: {error.strerror}") from error

    def require_size(self, name: str, size: int) -> None:
        """Raise Refused for a document of more bytes than a document may have."""
        if size > self._max_file_size:
            raise Refused(
                f"{name} would be {size} bytes, MAX_FILE_SIZE allows "
                f"{self._max_file_size}; use smaller images in the template"
            )

    def append(
        self, event_slug: str, version: str, documents: Sequence[PackedDocument]
    ) -> list[str]:
        """Append documents to the pack of a version of a template; return their paths.

        All are on the disk then, or none. Raises Unavailable when the disk is nearly full.
        """
        relative = f"{event_slug}/{version}{_PACK_SUFFIX}"
        path = self._resolve(relative)
        self._refuse_full_disk(path, sum(len(document.own) for document in documents))
        try:
            with self._pack_lock:
                places = self._pack(path).append(documents)
        except OSError as error:
            raise Unavailable(f"{relative} cannot be written: {error.strerror or error}") from error
        return [
            f"{relative}/{place}/{document.name}"
            for place, document in zip(places, documents, strict=True)
        ]

    def is_place_of(self, relative: str | None, event_slug: str, ticket_code: str) -> bool:
        """Return whether the document of a ticket may be at this path, in a file or a pack."""
        if relative == self.path_for(event_slug, ticket_code):
            return True
        packed = _PATH_IN_PACK.fullmatch(relative or "")
        return (
            packed is not None
            and packed[1].startswith(f"{event_slug}/")
            and packed[3] == f"{ticket_code}.pdf"
        )

    def read(self, relative: str) -> bytes:
        """Return the document. Raises FileNotFoundError."""
        packed = _PATH_IN_PACK.fullmatch(relative)
        if packed is None:
            return self._resolve(relative).read_bytes()
        with self._pack_lock:
            return self._pack(self._resolve(packed[1])).read(int(packed[2]), packed[3])

    def size(self, relative: str) -> int | None:
        """Return the size of the document in bytes, or None when it is missing."""
        try:
            if _PATH_IN_PACK.fullmatch(relative):
                return len(self.read(relative))
            return self._resolve(relative).stat().st_size
        except FileNotFoundError:
            return None

    def exists(self, relative: str) -> bool:
        """Return whether the document exists."""
        return self.size(relative) is not None

    def delete(self, relative: str) -> int:
        """Delete the document; return its bytes, 0 when it was missing.

        In a pack it is overwritten.
        """
        packed = _PATH_IN_PACK.fullmatch(relative)
        if packed is not None:
            with self._pack_lock:
                return self._pack(self._resolve(packed[1])).erase(int(packed[2]), packed[3])
        size = self.size(relative)
        self._resolve(relative).unlink(missing_ok=True)
        return size or 0

    def delete_empty_packs(self, event_slug: str) -> int:
        """Delete the packs of an event whose documents are all deleted; return their number."""
        with self._pack_lock:
            paths = self._resolve(event_slug).glob(f"*{_PACK_SUFFIX}")
            return sum(self._pack(path).delete_if_empty() for path in paths)

    def delete_partial_files(self, event_slug: str) -> int:
        """Delete leftovers of killed writes in an event's folder; return the number of files."""
        return sum(
            map(_delete_if_unlocked, self._resolve(event_slug).glob(f"*/*{_PARTIAL_SUFFIX}"))
        )

    def _pack(self, path: Path) -> Pack:
        return self._packs.setdefault(path, Pack(path))

    def _resolve(self, relative: str) -> Path:
        """Return the path with links resolved. Raises Refused when it is outside of the root."""
        if self._resolved_root is None:
            self._resolved_root = self.root.resolve()
        root = self._resolved_root
        path = (root / relative).resolve()
        if not path.is_relative_to(root) or path == root:
            raise Refused(f"{relative!r} is not a path inside the document folder")
        return path

    def _refuse_full_disk(self, path: Path, size: int) -> None:
        existing = next(folder for folder in path.parents if folder.exists())
        free = shutil.disk_usage(existing).free
        if free - size < self._min_free_disk:
            raise Unavailable(
                f"only {free // MIB} MiB free on the disk of {self.root}, "
                f"{self._min_free_disk // MIB} must stay free; make room or move UPLOAD_PATH"
            )


@contextmanager
def _create_partial_file(path: Path) -> Iterator[tuple[Path, int]]:
    """Create a locked temporary file in the same folder; it is deleted on any error."""
    while True:
        # mkstemp makes it readable by its owner only; documents contain names of people
        descriptor, name = tempfile.mkstemp(
            dir=path.parent, prefix=f".{path.name}.", suffix=_PARTIAL_SUFFIX
        )
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            break
        os.close(descriptor)  # deleted by `sweep` before it was locked
    part = Path(name)
    try:
        yield part, descriptor
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _delete_if_unlocked(part: Path) -> bool:
    """Delete the file if it is a leftover; return whether it was."""
    try:
        with part.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            part.unlink()
    except (BlockingIOError, FileNotFoundError):
        return False
    return True
