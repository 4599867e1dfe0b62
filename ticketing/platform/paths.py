"""Folders of this installation."""

from pathlib import Path

# the checkout, or the folder of installed packages
ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "templates"
