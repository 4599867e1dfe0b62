"""A stable digest of plain data, for change plans that are applied by hash."""

import hashlib
import json


def digest(facts: object) -> str:
    """Return the SHA-256 of the data as canonical JSON, in hexadecimal digits."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()
