"""Folders of this installation: a checkout, or a wheel in site-packages.

A checkout has the data files in the root of the repository. The wheel contains them under the same
names in `ticketing/_data`; see `force-include` in pyproject.toml.
"""

from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parents[2]  # the checkout, or site-packages
IS_CHECKOUT = (PROJECT_ROOT / "pyproject.toml").exists()


def data_file(name: str) -> Path:
    """Return the path of a data file or folder, named relative to the root of the repository."""
    root = PROJECT_ROOT if IS_CHECKOUT else PROJECT_ROOT / "ticketing" / "_data"
    return root / name


def base_folder() -> Path:
    """Return the folder of `.env` and the default `.data`: checkout or working directory."""
    return PROJECT_ROOT if IS_CHECKOUT else Path.cwd()


TEMPLATES = data_file("templates")
