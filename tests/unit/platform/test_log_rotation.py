"""Tests of the rotation of log files."""

from pathlib import Path

from ticketing.platform.kernel.log_rotation import KEPT_FILES, rotate_logs


def test_what_a_process_writes_after_a_rotation_is_in_the_new_file(tmp_path: Path) -> None:
    path = tmp_path / "worker.log"
    with path.open("ab", buffering=0) as process:
        process.write(b"before, long enough\n")
        rotate_logs(tmp_path, max_bytes=10)
        process.write(b"after\n")

    assert path.read_text() == "after\n"
    assert (tmp_path / "worker.log.1").read_text() == "before, long enough\n"


def test_small_logs_stay_and_only_the_newest_are_kept(tmp_path: Path) -> None:
    (tmp_path / "small.log").write_text("small")
    for number in range(KEPT_FILES + 3):
        (tmp_path / "ticketing.jsonl").write_text(f'{{"message": "line {number}"}}')
        rotate_logs(tmp_path, max_bytes=10)

    assert (tmp_path / "small.log").read_text() == "small"
    kept = sorted(path.name for path in tmp_path.glob("ticketing.jsonl*"))
    assert kept == [f"ticketing.jsonl.{number}" for number in range(1, KEPT_FILES + 1)]
    assert "line 7" in (tmp_path / "ticketing.jsonl.1").read_text()
