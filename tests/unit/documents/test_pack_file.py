"""Packs: whole documents or none, whatever interrupts a writer; nothing is written twice."""

import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from ticketing.documents.file_store import DocumentFolder, DocumentSink
from ticketing.documents.packs.pack_file import Pack, PackedDocument
from ticketing.platform.kernel.errors import Refused

SHARED = random.Random(1).randbytes(2_000)  # noqa: S311  # the same bytes in each run
FIRST = [PackedDocument(f"TC-{n}.pdf", SHARED, f"own {n}".encode() * 9) for n in range(3)]
SECOND = [PackedDocument("TC-9.pdf", SHARED, b"late"), PackedDocument("TC-8.pdf", b"", b"whole")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "event" / "classic.pack"


def test_documents_are_read_as_they_were_appended_by_any_process(path: Path) -> None:
    pack = Pack(path)
    places = pack.append(FIRST) + pack.append(SECOND)

    other = Pack(path)
    read = [other.read(at, each.name) for at, each in zip(places, FIRST + SECOND, strict=True)]

    assert read == [each.shared + each.own for each in FIRST + SECOND]
    assert path.read_bytes().count(SHARED) == 1
    assert path.stat().st_mode & 0o077 == 0


def test_after_a_kill_at_any_byte_old_documents_are_whole_and_the_next_append_works(
    path: Path,
) -> None:
    """The second append is cut at every byte, as if its process had been killed there."""
    places = Pack(path).append(FIRST)
    kept = path.read_bytes()
    Pack(path).append(SECOND)
    whole = path.read_bytes()

    for length in range(len(kept), len(whole), 7):
        path.write_bytes(whole[:length])
        (late, _) = Pack(path).append(SECOND)

        assert Pack(path).read(places[1], "TC-1.pdf") == SHARED + FIRST[1].own
        assert Pack(path).read(late, "TC-9.pdf") == SHARED + b"late"
        assert path.stat().st_size == len(whole) + (0 if length < len(whole) else len(whole))


def test_a_killed_writer_leaves_a_pack_that_another_continues(path: Path) -> None:
    """The process is killed with SIGKILL amid appends; it reports each complete one."""
    program = """
        import sys
        from pathlib import Path
        from ticketing.documents.packs.pack_file import Pack, PackedDocument
        pack = Pack(Path(sys.argv[1]))
        for n in range(10**9):
            (place,) = pack.append([PackedDocument(f"{n}.pdf", b"s" * 9000, b"o" * 50_000)])
            print(place, flush=True)
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program), path],
        stdout=subprocess.PIPE, text=True, env=os.environ,
    ) as writer:  # fmt: skip
        assert writer.stdout is not None
        reported = [int(writer.stdout.readline()) for _ in range(20)]
        writer.send_signal(signal.SIGKILL)

    (late,) = Pack(path).append([PackedDocument("late.pdf", b"s" * 9000, b"late")])

    assert Pack(path).read(late, "late.pdf") == b"s" * 9000 + b"late"
    for number, place in enumerate(reported):
        assert Pack(path).read(place, f"{number}.pdf") == b"s" * 9000 + b"o" * 50_000


def test_writers_take_turns(path: Path) -> None:
    found: dict[str, int] = {}

    def write(name: str) -> None:
        pack = Pack(path)
        for number in range(20):
            key = f"{name}{number}.pdf"
            (found[key],) = pack.append([PackedDocument(key, SHARED, key.encode())])

    threads = [threading.Thread(target=write, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [Pack(path).read(at, key) for key, at in found.items()] == [
        SHARED + key.encode() for key in found
    ]


@pytest.mark.parametrize("damaged", [SHARED[:50], FIRST[1].own])
def test_a_damaged_document_is_missing_and_can_be_appended_again(
    path: Path, damaged: bytes
) -> None:
    pack = Pack(path)
    places = pack.append(FIRST)
    path.write_bytes(path.read_bytes().replace(damaged, b"?" * len(damaged)))

    reader = Pack(path)
    for each in (pack, reader):
        with pytest.raises(FileNotFoundError):
            each.read(places[1], "TC-1.pdf")
    (again,) = pack.append(FIRST[1:2])

    assert Pack(path).read(again, "TC-1.pdf") == SHARED + FIRST[1].own


def test_an_erased_document_leaves_no_byte_and_an_empty_pack_is_deleted(path: Path) -> None:
    pack = Pack(path)
    places = pack.append(FIRST[:2])

    freed = [pack.erase(places[0], "TC-0.pdf"), pack.erase(places[0], "TC-0.pdf")]

    assert freed == [len(SHARED) + len(FIRST[0].own), 0]
    assert b"own 0" not in path.read_bytes()
    assert pack.read(places[1], "TC-1.pdf") == SHARED + FIRST[1].own
    assert (pack.delete_if_empty(), path.exists()) == (False, True)
    pack.erase(places[1], "TC-1.pdf")
    assert (pack.delete_if_empty(), path.exists()) == (True, False)
    (again,) = pack.append(FIRST[:1])
    assert Pack(path).read(again, "TC-0.pdf") == SHARED + FIRST[0].own


def test_paths_tell_where_a_document_is_whatever_the_setting(tmp_path: Path) -> None:
    files = DocumentFolder(tmp_path, min_free_disk=0)
    packs = DocumentFolder(tmp_path, min_free_disk=0, sink=DocumentSink.PACKS)
    files.write("e/00/TC-1.pdf", b"%PDF")

    (path,) = packs.append("e", "classic-1", FIRST[:1])

    assert (files.read(path), files.size(path)) == (SHARED + FIRST[0].own, len(SHARED) + 45)
    assert packs.read("e/00/TC-1.pdf") == b"%PDF"
    assert files.is_place_of(path, "e", "TC-0")
    assert not files.is_place_of(path, "e", "TC-1")
    assert (files.delete(path), files.exists(path)) == (len(SHARED) + 45, False)
    with pytest.raises(Refused):
        files.read("../x.pack/16/TC-0.pdf")


@pytest.mark.parametrize("place", [0, 5, 10**9])
def test_a_wrong_place_is_a_missing_document(path: Path, place: int) -> None:
    Pack(path).append(FIRST)

    with pytest.raises(FileNotFoundError):
        Pack(path).read(place, "TC-0.pdf")
