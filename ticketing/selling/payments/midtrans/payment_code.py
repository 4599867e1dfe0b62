"""The virtual account or code that a buyer pays to, as Midtrans reports it for each method.

Source: Midtrans, "Get Transaction Status API", sample responses by payment method.
"""

import re
from collections.abc import Mapping

_CODE = re.compile(r"[0-9A-Za-z]{4,32}")
_NAME = re.compile(r"[0-9A-Za-z _-]{2,20}")


def payment_code(payload: Mapping[str, object]) -> str:
    """Return bank or shop and code, such as `BCA 12345678901`; empty if there is none.

    It is for information only, so an unreadable one is left out.
    """
    accounts = payload.get("va_numbers")
    first = accounts[0] if isinstance(accounts, list) and accounts else None
    if isinstance(first, dict):
        return _join(str(first.get("bank", "")).upper(), first.get("va_number"))
    if "permata_va_number" in payload:
        return _join("Permata", payload["permata_va_number"])
    if "bill_key" in payload:
        return _join(f"Mandiri {payload.get('biller_code', '')}", payload["bill_key"])
    return _join(str(payload.get("store", "")).capitalize(), payload.get("payment_code"))


def _join(name: str, code: object) -> str:
    is_readable = isinstance(code, str) and _CODE.fullmatch(code) and _NAME.fullmatch(name)
    return f"{name} {code}" if is_readable else ""
