"""The file of a closing report: canonical JSON (RFC 8785) with an Ed25519 signature.

Without input and output. The format is described in docs/reference/closing-report.md.
"""

import hashlib
import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass

from ticketing.crypto.document_signature import is_document_signed
from ticketing.crypto.keyring import Signer
from ticketing.platform.kernel.errors import Refused

FORMAT = "ticketing closing report 1"
ALGORITHM = "Ed25519"

Json = dict[str, object]


class UnreadableClosingReport(Refused):
    """A file is not a closing report, or was written again by another program."""


@dataclass(frozen=True, slots=True)
class ClosingReport:
    """One closing report; `sha256` is that of its file. The signature is not checked yet."""

    event_slug: str
    event_uid: str
    number: int
    previous_sha256: str | None
    created_at: str
    figures: Json
    content: bytes
    key_generation: int
    public_key: bytes
    signature: bytes
    sha256: str

    @property
    def is_signed(self) -> bool:
        """Return whether the signature is that of the public key in the file."""
        return is_document_signed(self.content, self.signature, self.public_key)


def to_canonical_json(value: object) -> bytes:
    """Return JSON with sorted keys and no spaces; its numbers are integers, its keys ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def build_file(content: Mapping[str, object], signer: Signer) -> bytes:
    """Return the bytes of a file with this content and its signature."""
    signature = signer.sign_document(to_canonical_json(content))
    signed = {
        "content": content,
        "signature": {
            "algorithm": ALGORITHM,
            "key_generation": signer.generation,
            "public_key": signer.public_key.hex(),
            "value": b64encode(signature).decode(),
        },
    }
    return to_canonical_json(signed) + b"\n"


def sha256_of(file: bytes) -> str:
    """Return the SHA-256 of a file, as `sha256sum` prints it."""
    return hashlib.sha256(file).hexdigest()


def parse_file(file: bytes) -> ClosingReport:
    """Return the closing report in a file; raises UnreadableClosingReport."""
    try:
        document = json.loads(file)
        content, signature = document["content"], document["signature"]
        report = ClosingReport(
            event_slug=content["event"]["slug"],
            event_uid=content["event"]["uid"],
            number=content["number"],
            previous_sha256=content["previous_sha256"],
            created_at=content["created_at"],
            figures=content["figures"],
            content=to_canonical_json(content),
            key_generation=signature["key_generation"],
            public_key=bytes.fromhex(signature["public_key"]),
            signature=b64decode(signature["value"], validate=True),
            sha256=sha256_of(file),
        )
        is_canonical = to_canonical_json(document) + b"\n" == file
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UnreadableClosingReport(f"the file is not a closing report: {error!r}") from error
    if content.get("format") != FORMAT or signature.get("algorithm") != ALGORITHM:
        raise UnreadableClosingReport(f"the file is not a {FORMAT!r} signed with {ALGORITHM}")
    if not is_canonical:
        raise UnreadableClosingReport(
            "the file is not written as it was signed (canonical JSON and a line end);"
            " verify the original file, or `ticketing closing-reports list` writes it again"
        )
    return report


def list_differences(then: object, now: object, path: str = "") -> list[tuple[str, object, object]]:
    """Return path, earlier and present value of everything that differs."""
    if isinstance(then, dict) and isinstance(now, dict):
        return [
            difference
            for name in sorted(then.keys() | now.keys())
            for difference in list_differences(
                then.get(name), now.get(name), f"{path}.{name}".lstrip(".")
            )
        ]
    return [] if then == now else [(path, then, now)]
