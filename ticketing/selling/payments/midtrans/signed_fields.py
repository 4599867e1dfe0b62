"""The signed fields of a notification, and its signature.

Nothing else decides whether a notification is kept: the signature covers neither the status nor
the transaction, and the gateway is asked about both. Fields that are missing or written in another
way would otherwise lose a payment.
"""

import hashlib
import hmac
import json
import re
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol

from ticketing.platform.kernel.errors import UnreadableNotification

_SIGNATURE = re.compile(r"[0-9a-f]{128}")
_WHOLE_AMOUNT = re.compile(r"([0-9]{1,15})(?:\.0)?")
_MONEY_STATUS_CODE = "200"  # capture, settlement and what follows them; also authorize
_TEST_PREFIX = "payment_notif_test"


class Signed(Protocol):
    """The fields that a signature covers, as received."""

    @property
    def order_id(self) -> str:
        """Return the order id."""
        ...

    @property
    def status_code(self) -> str:
        """Return the status code."""
        ...

    @property
    def gross_amount(self) -> str:
        """Return the amount as it was written."""
        ...

    @property
    def signature_key(self) -> str:
        """Return the signature in hexadecimal digits."""
        ...


class _Number(str):
    """A JSON number as it was written: the signature covers a text."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class SignedFields:
    """The signed fields of a notification, and two that are not signed, empty if absent."""

    order_id: str
    status_code: str
    gross_amount: str
    signature_key: str
    transaction_id: str  # not signed
    echoed_key: str  # not signed: the key of the attempt as we sent it

    @property
    def attempt_key(self) -> str:
        """Return the key of the attempt to ask the gateway about.

        A notification of a BSI virtual account once had its transaction id as order id.
        """
        is_named_by_transaction = self.order_id == self.transaction_id
        return (is_named_by_transaction and self.echoed_key) or self.order_id

    @property
    def reports_money(self) -> bool:
        """Return whether money was taken, as far as the signature says: it covers the code only."""
        return self.status_code == _MONEY_STATUS_CODE


def parse_signed_fields(body: bytes) -> SignedFields:
    """Return the signed fields of a body; raises UnreadableNotification if one is missing."""
    try:
        payload = json.loads(body, parse_int=_Number, parse_float=_Number)
    except (ValueError, RecursionError) as error:
        raise UnreadableNotification("the notification is not JSON") from error
    if not isinstance(payload, dict):
        raise UnreadableNotification("the notification is not a JSON object")
    texts = {name: _text(payload, name) for name in ("order_id", "status_code", "gross_amount")}
    for name, text in texts.items():
        if not text:
            raise UnreadableNotification(f"the notification is invalid: {name} is not a text")
    return SignedFields(
        **texts,
        signature_key=_text(payload, "signature_key"),
        transaction_id=_text(payload, "transaction_id"),
        echoed_key=_text(payload, "custom_field1"),
    )


def _text(payload: dict[str, object], name: str) -> str:
    """Return a field as it was written, empty if it is absent or not printable.

    Printable: no NUL, which PostgreSQL cannot store, and no unpaired surrogate.
    """
    value = payload.get(name)
    return value if isinstance(value, str) and value.isprintable() else ""


def has_valid_signature(signed: Signed, server_key: str) -> bool:
    """Return whether the fields are signed with the server key; False for an empty key.

    SHA-512 of order id, status code, gross amount as received and the key, without separators.
    """
    signature = signed.signature_key
    if not server_key or not _SIGNATURE.fullmatch(signature):
        return False
    covered = signed.order_id + signed.status_code + signed.gross_amount
    expected = hashlib.sha512(f"{covered}{server_key}".encode()).hexdigest()
    return hmac.compare_digest(signature, expected)


def is_signed(fields: SignedFields, server_key: str) -> bool:
    """Return whether a notification is signed, a numeric amount with or without its cents."""
    if has_valid_signature(fields, server_key):
        return True
    amount = _WHOLE_AMOUNT.fullmatch(fields.gross_amount)
    if amount is None or not isinstance(fields.gross_amount, _Number):
        return False
    return has_valid_signature(replace(fields, gross_amount=f"{amount[1]}.00"), server_key)


def read_stored_fields(body: bytes) -> SignedFields | None:
    """Return the fields of a stored notification, None if they are unreadable."""
    with suppress(UnreadableNotification):
        return parse_signed_fields(body)
    return None


def is_dashboard_test(order_id: str) -> bool:
    """Return whether an order id is one of the test notifications of the gateway's dashboard."""
    return order_id.startswith(_TEST_PREFIX)
