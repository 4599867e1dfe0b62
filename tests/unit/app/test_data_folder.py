"""Tests that others cannot read the data folder, also one that they could read before."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from ticketing.app.data_folder import list_exposed, protect, restrict_new_files

# for root PostgreSQL is another user, who passes the folder without seeing what is in it
FOLDER_MODE = 0o700 if os.geteuid() else 0o711


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def _usual_umask() -> Iterator[None]:
    """Start with the umask of most systems, and restore the one of the tests."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.usefixtures("_usual_umask")
def test_new_folders_and_files_are_for_their_user_only(tmp_path: Path) -> None:
    data = tmp_path / "data"

    restrict_new_files()
    protect(data)
    (data / "logs").mkdir()
    (data / "logs" / "web.log").write_text("a line")

    assert (_mode(data), _mode(data / "logs")) == (FOLDER_MODE, 0o700)
    assert _mode(data / "logs" / "web.log") == 0o600


@pytest.mark.usefixtures("_usual_umask")
def test_what_others_could_read_before_is_mended(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for folder in ("documents/wisuda", "logs", "postgres", "dagster"):
        (data / folder).mkdir(parents=True)
    for file in ("master.secret", "logs/ticketing.jsonl"):
        (data / file).write_text("a secret")

    protect(data)

    assert _mode(data) == FOLDER_MODE
    assert {_mode(data / name) for name in ("documents", "logs", "dagster")} == {0o700}
    assert {_mode(data / name) for name in ("master.secret", "logs/ticketing.jsonl")} == {0o600}
    assert _mode(data / "postgres") == 0o755  # the server's own business


@pytest.mark.usefixtures("_usual_umask")
def test_a_folder_with_other_content_and_a_link_are_left_as_they_are(tmp_path: Path) -> None:
    shared, elsewhere = tmp_path / "shared", tmp_path / "elsewhere"
    (shared / "public_html").mkdir(parents=True)
    elsewhere.mkdir()
    (shared / "documents").symlink_to(elsewhere)
    (shared / "mail").mkdir()

    protect(shared)

    assert (_mode(shared), _mode(shared / "public_html"), _mode(elsewhere)) == (0o755,) * 3
    assert _mode(shared / "mail") == 0o700
    assert [*list_exposed([shared, shared / "mail", shared / "nothing"])] == [shared]
