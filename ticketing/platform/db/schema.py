"""The whole schema: importing this module registers every table in `metadata`."""

from importlib import import_module
from pkgutil import iter_modules

from ticketing.platform.db import tables
from ticketing.platform.db.columns import metadata

for module in iter_modules(tables.__path__, f"{tables.__name__}."):
    import_module(module.name)

__all__ = ["metadata"]
