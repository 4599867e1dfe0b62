"""Signatures of documents other than tickets with the keys of an event; no secret is needed."""

from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError

# domain separation: a signed document is never a valid ticket, and no ticket a document
_PURPOSE = b"ticketing document 1\x00"


def document_signing_input(content: bytes) -> bytes:
    """Return the bytes that are signed for a document."""
    return _PURPOSE + content


def is_document_signed(content: bytes, signature: bytes, public_key: bytes) -> bool:
    """Return whether the signature of a document is valid."""
    try:
        crypto_sign_open(signature + document_signing_input(content), public_key)
    except (BadSignatureError, ValueError):  # ValueError: a key or signature of another length
        return False
    return True
