"""The public keys of an event, in the formats of scanners and other tools."""

from base64 import b64encode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime

# RFC 8410: SubjectPublicKeyInfo with the algorithm id-Ed25519, up to the 32 bytes of the key
_SPKI_HEAD = bytes.fromhex("302a300506032b6570032100")


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One generation of an event's keys. A retired one signs no tickets, but still verifies."""

    event_number: int
    event_slug: str
    generation: int
    key: bytes
    created_at: datetime
    retired_at: datetime | None

    def hex(self) -> str:
        """Return the key as 64 hexadecimal digits."""
        return self.key.hex()

    def pem(self) -> str:
        """Return the key as PEM (RFC 8410), as openssl writes it."""
        body = b64encode(_SPKI_HEAD + self.key).decode("ascii")
        return f"-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n"

    def jwk(self) -> dict[str, str]:
        """Return the key as JWK (RFC 8037), with event and generation as key id."""
        return {
            "kty": "OKP",
            "crv": "Ed25519",
            "alg": "EdDSA",
            "use": "sig",
            "kid": f"{self.event_slug}/{self.generation}",
            "x": urlsafe_b64encode(self.key).decode("ascii").rstrip("="),
        }
