"""The key ring: signing keys, magic links and encryption keys, derived from one master secret."""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from uuid import UUID

from nacl.bindings import crypto_sign, crypto_sign_seed_keypair
from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

from ticketing.crypto.document_signature import document_signing_input
from ticketing.crypto.ticket_token import SIGNATURE_BYTES, TOKEN_ID_BYTES, signing_input
from ticketing.platform.kernel.errors import Misconfigured

HASH_BYTES = 32


def hkdf_extract(secret: bytes, salt: bytes) -> bytes:
    """Return the pseudo-random key of a secret (RFC 5869, 2.2)."""
    return hmac.digest(salt or bytes(HASH_BYTES), secret, "sha256")


def hkdf_expand(key: bytes, info: bytes, length: int = HASH_BYTES) -> bytes:
    """Return `length` bytes for the purpose named in `info` (RFC 5869, 2.3)."""
    block, output = b"", b""
    for counter in range(1, -(-length // HASH_BYTES) + 1):
        block = hmac.digest(key, block + info + bytes([counter]), "sha256")
        output += block
    return output[:length]


MASTER_BYTES = 32


LINK_PROOF_BYTES = 17  # 136 bits; with the token id, 36 characters


_SALT = b"ticketing master secret 1"


_SIGNING = b"ticketing ed25519 seed 1\x00"


_LINKS = b"ticketing magic link 1\x00"


_ORDERS = b"ticketing order token 1\x00"


_ORDER_LINKS = b"ticketing order link 1\x00"


_CONTACT_CODES = b"ticketing contact code 1\x00"


_ERASED_CONTACTS = b"ticketing erased contact 1\x00"


_HOOKS = b"ticketing webhook secret 1\x00"


_ENCRYPTION = b"ticketing sealed secret 1\x00"


_DOWNLOADS = b"ticketing signed link 1\x00"


_INSTALLATION = b"ticketing office name 1\x00"


_GATE_PACKS = b"ticketing gate pack seed 1\x00"


_FINGERPRINT = b"ticketing fingerprint 1\x00"


class Signer:
    """Signs tokens and documents of one event with one generation of its keys."""

    __slots__ = ("_secret_key", "generation", "public_key")

    def __init__(self, seed: bytes, generation: int) -> None:
        """Derive the Ed25519 key from a seed of 32 bytes."""
        self.generation = generation
        self.public_key, self._secret_key = crypto_sign_seed_keypair(seed)

    def sign(self, packed_claims: bytes) -> bytes:
        """Return the 64 bytes of the signature over a token's claims; it is deterministic."""
        return crypto_sign(signing_input(packed_claims), self._secret_key)[:SIGNATURE_BYTES]

    def sign_document(self, content: bytes) -> bytes:
        """Return the 64 bytes of the signature over a document."""
        return crypto_sign(document_signing_input(content), self._secret_key)[:SIGNATURE_BYTES]

    def __repr__(self) -> str:
        """Show no secret."""
        return f"Signer(generation={self.generation}, public_key={self.public_key.hex()})"


class KeyRing:
    """Derives keys from the master secret; the repr shows no secret."""

    __slots__ = (
        "_contact_codes", "_downloads", "_encryption_key", "_erased_contacts", "_gate_packs",
        "_hooks", "_links", "_order_links", "_orders", "_signing", "fingerprint", "installation_id",
    )  # fmt: skip

    def __init__(self, master: bytes) -> None:
        """Derive the purpose keys. Raises Misconfigured unless the secret has 32 bytes."""
        if len(master) != MASTER_BYTES:
            raise Misconfigured(
                f"the master secret has {len(master)} bytes instead of {MASTER_BYTES};"
                " set TICKETING_MASTER_SECRET to 64 hexadecimal digits"
            )
        root = hkdf_extract(master, _SALT)
        self._signing = hkdf_expand(root, _SIGNING)
        self._links = hkdf_expand(root, _LINKS)
        self._orders = hkdf_expand(root, _ORDERS)
        self._order_links = hkdf_expand(root, _ORDER_LINKS)
        self._contact_codes = hkdf_expand(root, _CONTACT_CODES)
        self._erased_contacts = hkdf_expand(root, _ERASED_CONTACTS)
        self._hooks = hkdf_expand(root, _HOOKS)
        self._downloads = hkdf_expand(root, _DOWNLOADS)
        self._encryption_key = hkdf_expand(root, _ENCRYPTION)
        self._gate_packs = hkdf_expand(root, _GATE_PACKS)
        # not secret: it marks our rows on a router, to tell them from those of other installations
        self.installation_id = hkdf_expand(root, _INSTALLATION, 4).hex()
        # not secret: databases, backups and hosts name the master secret by it
        self.fingerprint = hkdf_expand(root, _FINGERPRINT, 8).hex()

    def signer_for_generation(self, event_uid: UUID, generation: int) -> Signer:
        """Return the signer of a generation, 1 to 255."""
        return Signer(hkdf_expand(self._signing, event_uid.bytes + bytes([generation])), generation)

    def public_key(self, event_uid: UUID, generation: int) -> bytes:
        """Return the 32 bytes of the public key that verifies tokens of a generation."""
        return self.signer_for_generation(event_uid, generation).public_key

    def gate_pack_signer(self) -> Signer:
        """Return the signer of gate packs; it signs no tickets."""
        return Signer(self._gate_packs, 1)

    def magic_link(self, token_id: bytes) -> str:
        """Return the unguessable part of a ticket's personal URL: 36 characters of base64url.

        It holds the token id and an HMAC; it is derived whenever it is sent, and never stored.
        """
        proof = hmac.digest(self._links, token_id, "sha256")[:LINK_PROOF_BYTES]
        return urlsafe_b64encode(token_id + proof).decode("ascii")

    def token_id_from_magic_link(self, magic_link: str) -> bytes | None:
        """Return the token id in a magic link, or None when its HMAC is wrong."""
        try:
            token_id = urlsafe_b64decode(magic_link)[:TOKEN_ID_BYTES]
        except ValueError:
            return None
        expected = self.magic_link(token_id)
        return token_id if hmac.compare_digest(expected.encode(), magic_link.encode()) else None

    def order_token_bytes(self, request_key: str) -> bytes:
        """Return 32 bytes for the token of an order placed with an idempotency key.

        A repeated request gets the same token, without storing it.
        """
        return hmac.digest(self._orders, request_key.encode(), "sha256")

    def order_link_proof(self, order_and_contacts: bytes) -> bytes:
        """Return the 32 bytes that prove that we sent the link of an order to these contacts."""
        return hmac.digest(self._order_links, order_and_contacts, "sha256")

    def contact_code_digest(self, request: str) -> bytes:
        """Return 32 bytes from which the code for a request to correct a contact is made."""
        return hmac.digest(self._contact_codes, request.encode(), "sha256")

    def erased_contact_digest(self, contact: str) -> bytes:
        """Return 32 bytes by which an erased contact is recognised, and cannot be found out."""
        return hmac.digest(self._erased_contacts, contact.encode(), "sha256")

    def webhook_secret(self, endpoint: UUID) -> bytes:
        """Return the 32 bytes shared with the receiver of a webhook; derived, never stored."""
        return hmac.digest(self._hooks, endpoint.bytes, "sha256")

    def link_signature(self, signed_text: str) -> bytes:
        """Return the 32 bytes that prove that we made a link with this method, path and time."""
        return hmac.digest(self._downloads, signed_text.encode(), "sha256")

    def encrypt(self, secret: str) -> bytes:
        """Encrypt a password for storage in the database."""
        return bytes(SecretBox(self._encryption_key).encrypt(secret.encode()))

    def decrypt(self, encrypted: bytes) -> str:
        """Decrypt a password. Raises Misconfigured when another master secret encrypted it."""
        try:
            return SecretBox(self._encryption_key).decrypt(encrypted).decode()
        except CryptoError as error:
            raise Misconfigured(
                "the master secret has changed: set the passwords encrypted with the old one again"
            ) from error

    def __repr__(self) -> str:
        """Show no secret."""
        return "KeyRing(...)"
