"""HKDF with SHA-256, RFC 5869: one secret becomes many keys that do not tell on each other.

The key ring: every signing key and magic link out of one master secret.

What is derived need not be stored: the database knows public keys only.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from uuid import UUID

from nacl.bindings import crypto_sign, crypto_sign_seed_keypair
from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

from ticketing.crypto.ticket_token import SIGNATURE_BYTES, TOKEN_ID_BYTES, signing_input
from ticketing.events.model import Event
from ticketing.platform.kernel.errors import Misconfigured

HASH_BYTES = 32


def hkdf_extract(secret: bytes, salt: bytes) -> bytes:
    """The pseudo-random key behind a secret (RFC 5869, 2.2)."""
    return hmac.digest(salt or bytes(HASH_BYTES), secret, "sha256")


def hkdf_expand(key: bytes, info: bytes, length: int = HASH_BYTES) -> bytes:
    """`length` bytes for the purpose named in `info` (RFC 5869, 2.3)."""
    block, output = b"", b""
    for counter in range(1, -(-length // HASH_BYTES) + 1):
        block = hmac.digest(key, block + info + bytes([counter]), "sha256")
        output += block
    return output[:length]


MASTER_BYTES = 32


LINK_PROOF_BYTES = 17  # 136 bits nobody can guess; with the token id, 36 characters


_SALT = b"ticketing master secret 1"


_SIGNING = b"ticketing ed25519 seed 1\x00"


_LINKS = b"ticketing magic link 1\x00"


_ORDERS = b"ticketing order token 1\x00"


_HOOKS = b"ticketing webhook secret 1\x00"


_ENCRYPTION = b"ticketing sealed secret 1\x00"


_INSTALLATION = b"ticketing office name 1\x00"


class Signer:
    """Signs the tokens of one event with one generation of its keys."""

    __slots__ = ("_secret_key", "generation", "public_key")

    def __init__(self, seed: bytes, generation: int) -> None:
        """The Ed25519 key of a 32 byte seed."""
        self.generation = generation
        self.public_key, self._secret_key = crypto_sign_seed_keypair(seed)

    def sign(self, packed_claims: bytes) -> bytes:
        """The 64 byte signature over a token's claims; the same claims give the same bytes."""
        return crypto_sign(signing_input(packed_claims), self._secret_key)[:SIGNATURE_BYTES]

    def __repr__(self) -> str:
        """Never the secret."""
        return f"Signer(generation={self.generation}, public_key={self.public_key.hex()})"


class KeyRing:
    """Derives; remembers nothing but the master secret, and shows not even that."""

    __slots__ = ("_hooks", "_links", "_orders", "_seals", "_signing", "installation_id")

    def __init__(self, master: bytes) -> None:
        """Refuses any other length than 32 bytes."""
        if len(master) != MASTER_BYTES:
            raise Misconfigured(
                f"the master secret has {len(master)} bytes instead of {MASTER_BYTES};"
                " set TICKETING_MASTER_SECRET to 64 hexadecimal digits"
            )
        root = hkdf_extract(master, _SALT)
        self._signing = hkdf_expand(root, _SIGNING)
        self._links = hkdf_expand(root, _LINKS)
        self._orders = hkdf_expand(root, _ORDERS)
        self._hooks = hkdf_expand(root, _HOOKS)
        self._seals = hkdf_expand(root, _ENCRYPTION)
        # no secret: it stands in every comment that we leave on a router, and tells us from others
        self.installation_id = hkdf_expand(root, _INSTALLATION, 4).hex()

    def signer(self, event: Event) -> Signer:
        """The signer of an event's current generation."""
        return self.signer_for_generation(event.uid, event.key_generation)

    def signer_for_generation(self, event_uid: UUID, generation: int) -> Signer:
        """The signer of any generation, 1 to 255."""
        return Signer(hkdf_expand(self._signing, event_uid.bytes + bytes([generation])), generation)

    def public_key(self, event_uid: UUID, generation: int) -> bytes:
        """The 32 bytes a gate needs to check that generation's tokens."""
        return self.signer_for_generation(event_uid, generation).public_key

    def magic_link(self, token_id: bytes) -> str:
        """The unguessable part of a ticket's personal address: 36 characters of base64url.

        The token id, and proof that we wrote it: derived whenever it is to be sent, kept nowhere.
        """
        proof = hmac.digest(self._links, token_id, "sha256")[:LINK_PROOF_BYTES]
        return urlsafe_b64encode(token_id + proof).decode("ascii")

    def token_id_from_magic_link(self, magic_link: str) -> bytes | None:
        """The token id a magic link was made of; None for a text that we never made."""
        try:
            token_id = urlsafe_b64decode(magic_link)[:TOKEN_ID_BYTES]
        except ValueError:
            return None
        ours = self.magic_link(token_id)
        return token_id if hmac.compare_digest(ours.encode(), magic_link.encode()) else None

    def order_token_bytes(self, request_key: str) -> bytes:
        """32 bytes for the token of an order that is asked for under a key: the same, sent again.

        So the answer can be given twice, and the token is kept nowhere.
        """
        return hmac.digest(self._orders, request_key.encode(), "sha256")

    def webhook_secret(self, endpoint: UUID) -> bytes:
        """32 bytes that only we and a webhook's receiver know; derived, so kept nowhere."""
        return hmac.digest(self._hooks, endpoint.bytes, "sha256")

    def encrypt(self, secret: str) -> bytes:
        """Somebody else's password, to be kept in the database: only we can read it again."""
        return bytes(SecretBox(self._seals).encrypt(secret.encode()))

    def decrypt(self, encrypted: bytes) -> str:
        """What was sealed; refuses what another master secret has sealed."""
        try:
            return SecretBox(self._seals).decrypt(encrypted).decode()
        except CryptoError as error:
            raise Misconfigured(
                "the master secret has changed: what was sealed with the old one must be given anew"
            ) from error

    def __repr__(self) -> str:
        """Never the secret."""
        return "KeyRing(...)"
