"""The public side of an event's keys, in the forms that gates and other tools read."""

from base64 import b64encode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime

# RFC 8410: SubjectPublicKeyInfo with the algorithm id-Ed25519, up to the 32 bytes of the key
_SPKI_HEAD = bytes.fromhex("302a300506032b6570032100")


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One generation of an event's keys. `retired_at`: signs no more, still verifies."""

    event_number: int
    event_slug: str
    generation: int
    key: bytes
    created_at: datetime
    retired_at: datetime | None

    def hex(self) -> str:
        """The 32 bytes as 64 digits."""
        return self.key.hex()

    def pem(self) -> str:
        """RFC 8410, as openssl writes it."""
        body = b64encode(_SPKI_HEAD + self.key).decode("ascii")
        return f"-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n"

    def jwk(self) -> dict[str, str]:
        """RFC 8037, named after the event and the generation."""
        return {
            "kty": "OKP",
            "crv": "Ed25519",
            "alg": "EdDSA",
            "use": "sig",
            "kid": f"{self.event_slug}/{self.generation}",
            "x": urlsafe_b64encode(self.key).decode("ascii").rstrip("="),
        }
