"""The wheel contains everything that an installation without a checkout needs."""

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from ticketing.platform.paths import PROJECT_ROOT

pytestmark = [pytest.mark.slow, pytest.mark.process]

DATA_FILES = ["deploy/dagster_home/dagster.yaml", "workspace.yaml"]
PACKAGES = [
    "dagster_page",
    "dagster_storage",
    "resources",
    "schedules",
    "sensors",
    "simulators",
    "ticket_assets",
    "ticketing",
]
LOCATED = """
from ticketing.documents.templates import TemplateFolders
from ticketing.platform.paths import IS_CHECKOUT, base_folder, data_file
print(IS_CHECKOUT, base_folder(), data_file("workspace.yaml").is_file(), *TemplateFolders().ids())
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel of the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation",
         "--wheel-dir", folder, PROJECT_ROOT],
        check=True,
    )  # fmt: skip
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_contains_every_tracked_module_template_and_data_file(wheel: Path) -> None:
    tracked = subprocess.run(
        ["git", "ls-files", *PACKAGES, "templates", *DATA_FILES],
        cwd=PROJECT_ROOT, check=True, capture_output=True, text=True,
    ).stdout.split()  # fmt: skip
    data = {name for name in tracked if name.startswith("templates/") or name in DATA_FILES}
    modules = {name for name in tracked if not name.startswith("simulators/mail/")} - data

    contained = set(zipfile.ZipFile(wheel).namelist())

    expected = modules | {f"ticketing/_data/{name}" for name in data} | {"ticketing/py.typed"}
    assert expected - contained == set()
    assert {name.partition("/")[0] for name in contained if ".dist-info" not in name} == {*PACKAGES}


def test_an_installed_wheel_finds_its_data_files_and_uses_the_working_directory(
    wheel: Path, tmp_path: Path
) -> None:
    venv.create(tmp_path / "venv")
    (site_packages,) = (tmp_path / "venv" / "lib").glob("python3*/site-packages")
    zipfile.ZipFile(wheel).extractall(site_packages)
    dependencies = Path(pytest.__file__).parents[1]
    (site_packages / "dependencies.pth").write_text(f"{dependencies}\n", encoding="utf-8")
    folder = tmp_path / "empty"
    folder.mkdir()
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    located = subprocess.run(
        [tmp_path / "venv" / "bin" / "python", "-c", LOCATED],
        cwd=folder, env=environment, check=True, capture_output=True, text=True,
    ).stdout.split()  # fmt: skip

    assert located[:3] == ["False", str(folder), "True"]
    assert {"classic", "plain"} <= set(located[3:])
