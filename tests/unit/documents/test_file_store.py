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
def left_by_a_killed_process(folder: DocumentFolder, path: str) -> Path:
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_WHILE_WRITING, str(folder.root), path], check=False
    )
    assert killed.returncode == -9
    (leftover,) = (folder.root / path).parent.iterdir()
    return leftover


def test_what_was_written_is_read(folder: DocumentFolder, path: str) -> None:
    folder.write(path, b"a ticket")

    assert folder.read(path) == b"a ticket"
    assert folder.size(path) == 8
    assert folder.exists(path)


def test_a_document_lies_in_its_events_folder_fanned_out(path: str) -> None:
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


def test_what_was_deleted_is_gone_and_its_bytes_are_counted_once(
    folder: DocumentFolder, path: str
) -> None:
    folder.write(path, b"a ticket")

    assert [folder.delete(path), folder.delete(path)] == [8, 0]
    assert not folder.exists(path)


@pytest.mark.parametrize(
    "escape", ["../outside.pdf", "/etc/passwd", "event/../../outside.pdf", "", ".", "event/.."]
)
def test_no_path_leads_out_of_the_root(folder: DocumentFolder, escape: str) -> None:
    with pytest.raises(Refused, match="not a path inside"):
        folder.write(escape, b"")


def test_no_link_leads_out_of_the_root(folder: DocumentFolder, tmp_path: Path) -> None:
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


def test_a_nearly_full_disk_is_left_alone(
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
    folder: DocumentFolder, path: str, left_by_a_killed_process: Path
) -> None:
    assert left_by_a_killed_process.suffix == ".part"
    assert not folder.exists(path)


def test_what_a_killed_write_left_is_swept(
    folder: DocumentFolder, left_by_a_killed_process: Path
) -> None:
    assert folder.delete_partial_files("wisuda-2026") == 1
    assert not left_by_a_killed_process.exists()


def test_a_file_that_somebody_is_writing_is_not_swept(
    folder: DocumentFolder, left_by_a_killed_process: Path
) -> None:
    with left_by_a_killed_process.open("rb") as somebody:
        fcntl.flock(somebody, fcntl.LOCK_EX)

        assert folder.delete_partial_files("wisuda-2026") == 0

    assert left_by_a_killed_process.exists()


def test_sweeping_leaves_documents_and_absent_folders_alone(
    folder: DocumentFolder, path: str
) -> None:
    folder.write(path, b"a ticket")

    assert folder.delete_partial_files("wisuda-2026") == 0
    assert folder.delete_partial_files("never-held") == 0
    assert folder.exists(path)


def test_a_part_swept_before_it_was_locked_is_made_again(
    folder: DocumentFolder, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    locking = fcntl.flock
    swept: list[Path] = []

    def sweeper_comes_first(descriptor: int, operation: int) -> None:
        if not swept:
            swept.extend((folder.root / path).parent.glob("*.part"))
            swept[0].unlink()
        locking(descriptor, operation)

    monkeypatch.setattr("fcntl.flock", sweeper_comes_first)

    folder.write(path, b"a ticket")

    assert folder.read(path) == b"a ticket"
