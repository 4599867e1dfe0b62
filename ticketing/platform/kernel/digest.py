"""A stable digest of plain data, for change plans that are applied by hash."""

import hashlib
import json


def digest(facts: object) -> str:
    """Return the SHA-256 of the data as canonical JSON, in hexadecimal digits."""
    return hashlib.sha256(_encode(facts)).hexdigest()


class RowDigest:
    """Digest of many rows, added one after the other."""

    def __init__(self, *heading: object) -> None:
        self._sha256 = hashlib.sha256()
        self.add(*heading)

    def add(self, *row: object) -> None:
        """Add the values of a row."""
        self._sha256.update(_encode(row) + b"\n")

    def hexdigest(self) -> str:
        """Return the digest of the rows so far."""
        return self._sha256.hexdigest()


def _encode(facts: object) -> bytes:
    return json.dumps(facts, sort_keys=True, default=str).encode()
