"""Tests that lock files, pages and paths of the repository are consistent."""

import re
import subprocess
from pathlib import Path

import pytest

from ticketing.platform.paths import PROJECT_ROOT

LOCKS = ["requirements.lock", "requirements-dev.lock", "deploy/pip.lock"]
GENERATED = {
    "admin-actions.md", "commands.md", "http-api.md", "openapi.json", "pipeline.md", "settings.md",
}  # fmt: skip
PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    *(
        str(page.relative_to(PROJECT_ROOT))
        for part in ("tutorial", "how-to", "explanation", "reference")
        for page in sorted((PROJECT_ROOT / "docs" / part).glob("*.md"))
    ),
]


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_pins_everything_by_hash_and_names_no_address(name: str) -> None:
    text = (PROJECT_ROOT / name).read_text(encoding="utf-8")

    entries = re.split(r"\n(?=\S)", text.strip())

    assert "://" not in text
    assert [entry for entry in entries if "==" not in entry or "--hash=sha256:" not in entry] == []


def test_everything_locked_for_running_is_locked_the_same_for_developing() -> None:
    running, developing = (
        set(
            re.findall(
                r"^(\S+==\S+)", (PROJECT_ROOT / name).read_text(encoding="utf-8"), re.MULTILINE
            )
        )
        for name in LOCKS[:2]
    )

    assert running - developing == set()


@pytest.mark.parametrize("page", PAGES)
def test_every_make_target_that_a_page_names_exists(page: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT_ROOT / "Makefile").read_text(), re.MULTILINE))

    named = set(re.findall(r"`?make ([a-z-]+)`|^make ([a-z-]+)$", (PROJECT_ROOT / page).read_text(),
                           re.MULTILINE))  # fmt: skip

    assert {first or second for first, second in named} <= targets


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_a_page_links_to_exists(page: str) -> None:
    path = PROJECT_ROOT / page

    links = re.findall(r"\]\(([^)#:]+)\)", path.read_text(encoding="utf-8"))

    assert [
        link for link in links
        if Path(link).name not in GENERATED and not (path.parent / link).exists()
    ] == []  # fmt: skip


def test_no_file_contains_a_local_path() -> None:
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=PROJECT_ROOT, check=True, capture_output=True, text=True
    ).stdout.split("\n")
    homes = re.compile(rb"/(?:root|home/[a-z]+|work)/[a-z.]")
    texts = [PROJECT_ROOT / name for name in tracked if name and Path(name).suffix != ".png"]

    assert [path.name for path in texts if path.is_file() and homes.search(path.read_bytes())] == []
