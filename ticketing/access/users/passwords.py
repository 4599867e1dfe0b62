"""Argon2id hashes of passwords, with the parameters that the library recommends (RFC 9106)."""

import functools
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_GENERATED_BYTES = 15  # 20 characters
_HASHER = PasswordHasher()


def hash_password(password: str) -> str:
    """Return the hash of a password with its salt and parameters."""
    return _HASHER.hash(password)


def is_password(password: str, stored_hash: str | None) -> bool:
    """Return whether a password has this hash.

    Without a hash, a dummy one is verified: an unknown user takes as long as a known one.
    """
    dummy = _dummy_hash()  # always: the first call takes as long as a verification
    try:
        _HASHER.verify(stored_hash or dummy, password)
    except (VerificationError, InvalidHashError):
        return False
    return stored_hash is not None


def has_old_parameters(stored_hash: str) -> bool:
    """Return whether a hash has weaker parameters than a new one."""
    return _HASHER.check_needs_rehash(stored_hash)


def generate_password() -> str:
    """Return a random password."""
    return secrets.token_urlsafe(_GENERATED_BYTES)


@functools.cache
def _dummy_hash() -> str:
    return hash_password(generate_password())
