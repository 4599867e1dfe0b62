"""The manifest of a backup as bytes, and reading it back."""

import json
from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from ticketing.backup.model import Manifest
from ticketing.crypto.sealed_stream import DamagedFile


def manifest_bytes(manifest: Manifest) -> bytes:
    """Return the manifest as JSON."""
    return json.dumps(asdict(manifest), default=str).encode()


def parse_manifest(content: bytes) -> Manifest:
    """Return the manifest. Raises DamagedFile when another program wrote it."""
    try:
        values = json.loads(content)
        return Manifest(
            uid=UUID(values["uid"]),
            taken_at=datetime.fromisoformat(values["taken_at"]),
            program_version=values["program_version"],
            schema_revision=values["schema_revision"],
            secret_fingerprint=values["secret_fingerprint"],
            rows={str(name): int(count) for name, count in values["rows"].items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DamagedFile(f"the manifest cannot be read: {error}") from error
