"""Name and version of the PDF engine, without importing it."""

import functools


def engine_version() -> str:
    """Return the version of the engine, of which the bytes of a document depend."""
    return f"weasyprint {_installed_version()}"


def engine_name() -> str:
    """Return the name of the engine as it stands in documents."""
    return f"WeasyPrint {_installed_version()}"


@functools.cache
def _installed_version() -> str:
    from importlib.metadata import version  # noqa: PLC0415  # 20 ms

    return version("weasyprint")
