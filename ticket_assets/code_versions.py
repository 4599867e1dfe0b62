"""Code versions of assets: digests of the source files that compute them.

Dagster marks an asset whose code version changed since its latest materialisation. A number that
somebody has to raise by hand would be forgotten.
"""

import functools
import sys
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

DIGITS = 12


def source_version(*modules: str) -> str:
    """Return 12 hex digits over the source files of modules, and of packages with all in them.

    The modules are not imported. Raises ModuleNotFoundError for an unknown one.
    """
    digest = sha256()
    for module in modules:
        digest.update(_module_digest(module))
    return digest.hexdigest()[:DIGITS]


@functools.cache
def _module_digest(module: str) -> bytes:
    digest = sha256(module.encode())
    for root in _locations(module):
        for path in sorted(root.rglob("*.py")) if root.is_dir() else [root]:
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.digest()


def _locations(module: str) -> list[Path]:
    """Return the folders of a package, or the file of a module."""
    loaded = sys.modules.get(module)
    spec = loaded.__spec__ if loaded is not None and loaded.__spec__ else find_spec(module)
    if spec is None:
        raise ModuleNotFoundError(f"no module {module!r}, which an asset names as its code")
    if spec.submodule_search_locations:
        return sorted(map(Path, spec.submodule_search_locations))
    return [Path(spec.origin)] if spec.origin else []
