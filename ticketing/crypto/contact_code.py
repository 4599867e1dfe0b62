"""Codes that prove that a buyer receives messages at a new contact.

A code is derived from the stored request whenever it is sent or checked. It is stored nowhere, so
neither the database nor a backup of it confirms a contact.
"""

import hmac

from ticketing.crypto.keyring import KeyRing

CODE_DIGITS = 6


def make_contact_code(keys: KeyRing, correction_id: int, contact: str) -> str:
    """Return the digits for a request to correct a contact."""
    digest = keys.contact_code_digest(f"{correction_id} {contact}")
    return f"{int.from_bytes(digest) % 10**CODE_DIGITS:0{CODE_DIGITS}}"


def is_contact_code(keys: KeyRing, correction_id: int, contact: str, code: str) -> bool:
    """Return whether we derived this code for the request."""
    expected = make_contact_code(keys, correction_id, contact)
    return hmac.compare_digest(expected.encode(), code.encode())
