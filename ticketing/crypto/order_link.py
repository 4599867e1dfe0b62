"""Links to the page of an order in messages to its buyer.

The order's token is not stored and cannot be sent. A link holds the order's id and an HMAC over the
id and the buyer's contacts: it is derived whenever it is sent, and a link that went to a mistyped
contact opens nothing once the contact is corrected.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode

from ticketing.crypto.keyring import KeyRing

_ID_BYTES = 8
_PROOF_BYTES = 19  # 152 bits; with the id 36 characters, without padding


def make_order_link(keys: KeyRing, order_id: int, contacts: str) -> str:
    """Return the last part of the page's address, in place of the order's token."""
    packed_id = order_id.to_bytes(_ID_BYTES)
    proof = keys.order_link_proof(packed_id + contacts.encode())[:_PROOF_BYTES]
    return urlsafe_b64encode(packed_id + proof).decode("ascii")


def order_id_from_link(link: str) -> int | None:
    """Return the id that a link names, without a check; None for any other text."""
    try:
        decoded = urlsafe_b64decode(link)
    except ValueError:
        return None
    order_id = int.from_bytes(decoded[:_ID_BYTES], signed=True)
    return order_id if len(decoded) == _ID_BYTES + _PROOF_BYTES and order_id > 0 else None


def is_order_link(keys: KeyRing, order_id: int, contacts: str, link: str) -> bool:
    """Return whether we made the link for this order and these contacts of its buyer."""
    expected = make_order_link(keys, order_id, contacts)
    return hmac.compare_digest(expected.encode(), link.encode())
