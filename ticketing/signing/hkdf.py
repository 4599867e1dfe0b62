"""HKDF with SHA-256, RFC 5869: one secret becomes many keys that do not tell on each other."""

import hmac

HASH_BYTES = 32


def extract(secret: bytes, salt: bytes) -> bytes:
    """The pseudo-random key behind a secret (RFC 5869, 2.2)."""
    return hmac.digest(salt or bytes(HASH_BYTES), secret, "sha256")


def expand(key: bytes, info: bytes, length: int = HASH_BYTES) -> bytes:
    """`length` bytes for the purpose named in `info` (RFC 5869, 2.3)."""
    block, output = b"", b""
    for counter in range(1, -(-length // HASH_BYTES) + 1):
        block = hmac.digest(key, block + info + bytes([counter]), "sha256")
        output += block
    return output[:length]
