"""Replace what names a person in texts, JSON and stored requests of vendors. Pure functions.

The expressions are understood by PostgreSQL as well, which looks for the rows.
"""

import json
import re
from collections.abc import Iterable, Mapping

import phonenumbers

ERASED = "[erased]"
REDUCED_PREFIX = b'{"erased":true'  # of a notification that was reduced already
_SEPARATORS = r"[\s().-]*"
# what settling and replaying read of a notification, at any depth; everything else is dropped
_KEPT_KEYS = frozenset({
    "order_id", "transaction_id", "transaction_status", "transaction_time", "status_code",
    "gross_amount", "currency", "payment_type", "fraud_status", "settlement_time", "expiry_time",
    "signature_key", "custom_field1", "refund_amount", "refunds", "refund_key", "bank_confirmed_at",
    "metadata", "extra_info", "gross_amount_info", "original_amount",
    "va_numbers", "bank", "va_number", "permata_va_number", "bill_key", "biller_code", "store",
    "payment_code",
})  # fmt: skip


def contact_pattern(contacts: Iterable[str]) -> str:
    """Return the expression for these e-mail addresses and E.164 numbers in any spelling.

    Empty for none: the caller must not search with it.
    """
    return "|".join(
        _email_expression(contact) if "@" in contact else _phone_expression(contact)
        for contact in sorted(contacts)
    )


def _email_expression(address: str) -> str:
    return rf"(?<![\w.+-]){re.escape(address)}(?![\w-]|\.\w)"


def _phone_expression(number: str) -> str:
    """Return the expression for a number with or without its country code, with separators."""
    parsed = phonenumbers.parse(number)
    national = _SEPARATORS.join(str(parsed.national_number))
    prefix = rf"(\+?{parsed.country_code}|0)?"
    return rf"(?<!\d){prefix}{_SEPARATORS}{national}(?!\d)"


def name_pattern(names: Iterable[str]) -> str:
    """Return the expression for these names, longest first; empty for none."""
    longest_first = sorted(set(names), key=lambda name: (-len(name), name))
    spaced = [r"\s+".join(map(re.escape, name.split())) for name in longest_first]
    return "|".join(rf"(?<!\w){one}(?!\w)" for one in spaced if one)


def scrub_text(text: str, pattern: str) -> str:
    """Return the text with every match replaced; without a pattern unchanged."""
    return re.sub(pattern, ERASED, text, flags=re.IGNORECASE) if pattern else text


def scrub_json(value: object, pattern: str) -> object:
    """Return a JSON value with every match replaced, in keys, texts and numbers."""
    match value:
        case str():
            return scrub_text(value, pattern)
        case bool() | None:
            return value
        case int() | float():
            return ERASED if pattern and re.fullmatch(pattern, str(value)) else value
        case list():
            return [scrub_json(item, pattern) for item in value]
        case dict():
            return {scrub_text(key, pattern): scrub_json(it, pattern) for key, it in value.items()}
        case _:
            raise TypeError(f"{type(value).__name__} is not JSON")


def scrub_body(body: bytes, pattern: str) -> bytes:
    """Return a stored JSON response with every match replaced; other content is dropped."""
    try:
        value = json.loads(body)
    except ValueError:
        return b"{}"
    return json.dumps(scrub_json(value, pattern), separators=(",", ":")).encode()


def reduce_notification(body: bytes) -> bytes:
    """Return the ids, states and amounts of a stored notification; nothing else of it."""
    try:
        value = json.loads(body, parse_float=str)  # as written: the signature covers the text
    except ValueError:
        value = None
    kept = _reduce(value) if isinstance(value, dict) else {}
    return json.dumps({"erased": True} | kept, separators=(",", ":")).encode()


def _reduce(fields: Mapping[str, object]) -> dict[str, object]:
    """Return the fields that are kept, in objects and lists of objects as well."""
    kept: dict[str, object] = {}
    for key in fields.keys() & _KEPT_KEYS:
        match fields[key]:
            case dict() as inner:
                kept[key] = _reduce(inner)
            case list() as items:
                kept[key] = [_reduce(item) for item in items if isinstance(item, dict)]
            case value:
                kept[key] = value
    return dict(sorted(kept.items()))
