"""A stable digest of plain data, for plans that are applied by hash."""

import hashlib
import json


def digest(facts: object) -> str:
    """One name for exactly these facts."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()
