"""Read a mapping file and compute its version."""

import json
import tomllib
from hashlib import sha256
from pathlib import Path

from pydantic import ValidationError

from ticketing.billing.sources.mapping.model import SourceMapping
from ticketing.platform.kernel.errors import Misconfigured

_VERSION_DIGITS = 16


def load_mapping(path: Path, address: str = "") -> SourceMapping:
    """Return the mapping of a TOML file, with a version that depends on content and address.

    Comments and the order of keys do not change the version. Raises Misconfigured, which names the
    file and each wrong key.
    """
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Misconfigured(f"BILLING_MAPPING: {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Misconfigured(f"BILLING_MAPPING: {path} is no TOML file: {error}") from error
    try:
        mapping = SourceMapping.model_validate(given)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'file'}: {fault['msg']}"
            for fault in error.errors(include_url=False, include_input=False)
        )
        raise Misconfigured(f"BILLING_MAPPING: {path}: {faults}") from error
    return mapping.model_copy(update={"version": _version(given, address)})


def _version(given: dict[str, object], address: str) -> str:
    text = json.dumps([given, address], sort_keys=True, default=str)
    return sha256(text.encode()).hexdigest()[:_VERSION_DIGITS]
