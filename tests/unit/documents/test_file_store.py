import fcntl
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from ticketing.documents.file_store import DocumentFolder
from ticketing.platform.kernel.errors import Refused, Unavailable

CODE = "TC-2026-7Q4M9ZKD"
KILLED_WHILE_WRITING = """
import os, pathlib, sys, signal
from ticketing.documents import file_store

file_store.os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)
file_store.DocumentFolder(pathlib.Path(sys.argv[1]), min_free_disk=0).write(sys.argv[2], b"half")
"""


@pytest.fixture
def folder(tmp_path: Path) -> DocumentFolder:
    return DocumentFolder(tmp_path / "documents", max_file_size=1000, min_free_disk=1)


@pytest.fixture
def path(folder: DocumentFolder) -> str:
    return folder.path_for("wisuda-2026", CODE)


@pytest.fixture
def leftover_file(folder: DocumentFolder, path: str) -> Path:
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_WHILE_WRITING, str(folder.root), path], check=False
    )
    assert killed.returncode == -9
    (leftover,) = (folder.root / path).parent.iterdir()
    return leftover


def test_a_written_document_is_read_back(folder: DocumentFolder, path: str) -> None:
    folder.write(path, b"a ticket")

    assert folder.read(path) == b"a ticket"
    assert folder.size(path) == 8
    assert folder.exists(path)


def test_a_document_is_stored_in_a_subfolder_of_its_event(path: str) -> None:
    event, fan, name = path.split("/")

    assert (event, name) == ("wisuda-2026", "TC-2026-7Q4M9ZKD.pdf")
    assert int(fan, 16) < 256


def test_writing_again_replaces_and_leaves_nothing_else(folder: DocumentFolder, path: str) -> None:
    folder.write(path, b"old")
    folder.write(path, b"new")

    assert folder.read(path) == b"new"
    assert [file.name for file in (folder.root / path).parent.iterdir()] == [f"{CODE}.pdf"]


def test_only_the_owner_may_read_a_document(folder: DocumentFolder, path: str) -> None:
    folder.write(path, b"a ticket")

    assert (folder.root / path).stat().st_mode & 0o777 == 0o600


def test_a_deleted_document_is_absent_and_its_bytes_are_counted_once(
    folder: DocumentFolder, path: str
) -> None:
    folder.write(path, b"a ticket")

    assert [folder.delete(path), folder.delete(path)] == [8, 0]
    assert not folder.exists(path)


@pytest.mark.parametrize(
    "escape", ["../outside.pdf", "/etc/passwd", "event/../../outside.pdf", "", ".", "event/.."]
)
def test_no_path_escapes_from_the_root(folder: DocumentFolder, escape: str) -> None:
    with pytest.raises(Refused, match="not a path inside"):
        folder.write(escape, b"")


def test_no_symbolic_link_escapes_from_the_root(folder: DocumentFolder, tmp_path: Path) -> None:
    folder.root.mkdir()
    (folder.root / "event").symlink_to(tmp_path)

    with pytest.raises(Refused, match="not a path inside"):
        folder.write("event/outside.pdf", b"")


def test_a_document_too_large_is_refused_and_names_the_setting(
    folder: DocumentFolder, path: str
) -> None:
    with pytest.raises(Refused, match="MAX_FILE_SIZE"):
        folder.write(path, b"x" * 1001)

    assert not folder.exists(path)


def test_nothing_is_written_to_a_nearly_full_disk(
    folder: DocumentFolder, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=5))

    with pytest.raises(Unavailable, match="UPLOAD_PATH"):
        folder.write(path, b"a ticket")

    assert not folder.exists(path)


def test_a_write_that_the_disk_refuses_leaves_nothing(
    folder: DocumentFolder, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fails)

    with pytest.raises(Unavailable, match="No space left"):
        folder.write(path, b"a ticket")

    assert list((folder.root / path).parent.iterdir()) == []


def test_a_killed_write_leaves_no_document(
    folder: DocumentFolder, path: str, leftover_file: Path
) -> None:
    assert leftover_file.suffix == ".part"
    assert not folder.exists(path)


def test_leftovers_of_a_killed_write_are_deleted(
    folder: DocumentFolder, leftover_file: Path
) -> None:
    assert folder.delete_partial_files("wisuda-2026") == 1
    assert not leftover_file.exists()


def test_a_file_being_written_is_not_deleted(folder: DocumentFolder, leftover_file: Path) -> None:
    with leftover_file.open("rb") as somebody:
        fcntl.flock(somebody, fcntl.LOCK_EX)

        assert folder.delete_partial_files("wisuda-2026") == 0

    assert leftover_file.exists()


def test_cleaning_up_keeps_documents_and_ignores_absent_folders(
    folder: DocumentFolder, path: str
) -> None:
    folder.write(path, b"a ticket")

    assert folder.delete_partial_files("wisuda-2026") == 0
    assert folder.delete_partial_files("never-held") == 0
    assert folder.exists(path)


def test_a_temporary_file_deleted_before_its_lock_is_created_again(
    folder: DocumentFolder, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    locking = fcntl.flock
    deleted: list[Path] = []

    def delete_before_locking(descriptor: int, operation: int) -> None:
        if not deleted:
            deleted.extend((folder.root / path).parent.glob("*.part"))
            deleted[0].unlink()
        locking(descriptor, operation)

    monkeypatch.setattr("fcntl.flock", delete_before_locking)

    folder.write(path, b"a ticket")

    assert folder.read(path) == b"a ticket"
