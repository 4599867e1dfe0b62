"""The document store: one folder per event with subfolders; files are written atomically.

A killed write leaves only a `.part` file. Its lock ends with its process, which is how `sweep`
tells a leftover from a file that is being written.
"""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ticketing.platform.kernel.errors import Refused, Unavailable

MIB = 1024 * 1024
_PARTIAL_SUFFIX = ".part"


class DocumentFolder:
    """Documents by the relative path that the database has."""

    def __init__(
        self, root: Path, *, max_file_size: int = 10 * MIB, min_free_disk: int = 256 * MIB
    ) -> None:
        """Sizes are in bytes; the root is created with the first document."""
        self.root = root
        self._resolved_root: Path | None = None
        self._max_file_size = max_file_size
        self._min_free_disk = min_free_disk

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
        if size > self._max_file_size:
            raise Refused(
                f"{relative} would be {size} bytes, MAX_FILE_SIZE allows "
                f"{self._max_file_size}; use smaller images in the template"
            )
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

    def read(self, relative: str) -> bytes:
        """Return the document. Raises FileNotFoundError."""
        return self._resolve(relative).read_bytes()

    def size(self, relative: str) -> int | None:
        """Return the size of the document in bytes, or None when it is missing."""
        try:
            return self._resolve(relative).stat().st_size
        except FileNotFoundError:
            return None

    def exists(self, relative: str) -> bool:
        """Return whether the document exists."""
        return self.size(relative) is not None

    def delete(self, relative: str) -> int:
        """Delete the document; return the bytes freed, 0 when it was missing."""
        size = self.size(relative)
        self._resolve(relative).unlink(missing_ok=True)
        return size or 0

    def delete_partial_files(self, event_slug: str) -> int:
        """Delete leftovers of killed writes in an event's folder; return the number of files."""
        return sum(
            map(_delete_if_unlocked, self._resolve(event_slug).glob(f"*/*{_PARTIAL_SUFFIX}"))
        )

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
