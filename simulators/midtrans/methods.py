"""Payment methods and the fields that each adds to Midtrans' responses."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from uuid import UUID


class RefundSupport(Enum):
    """Refunds that the gateway supports for a settled payment."""

    NONE = "none"
    FULL_ONLY = "whole"
    PARTIAL = "parts"


@dataclass(frozen=True, slots=True)
class PaymentMethod:
    """Payment method; `name` is as in `enabled_payments`."""

    name: str
    title: str
    payment_type: str
    fields: Callable[[UUID], dict[str, object]]
    refunds: RefundSupport = RefundSupport.NONE
    # the status of such a payment carries its transaction id as order id; seen for DANA and the
    # virtual accounts of Danamon, BSI, Seabank and Saqu
    is_named_by_transaction: bool = False

    @property
    def has_fraud_status(self) -> bool:
        """Return whether Midtrans reports a fraud status; it does not for Indomaret."""
        return self.name != "indomaret"

    @property
    def is_card(self) -> bool:
        """Return whether the method is a card, captured first and settled later."""
        return self.payment_type == "credit_card"


def _digits(number: UUID, length: int) -> str:
    return str(number.int)[-length:]


def _virtual_account(
    bank: str, title: str, *, is_named_by_transaction: bool = False
) -> PaymentMethod:
    def fields(number: UUID) -> dict[str, object]:
        account = {"va_number": _digits(number, 11), "bank": bank}
        return {"va_numbers": [account], "payment_amounts": []}

    return PaymentMethod(
        f"{bank}_va",
        f"{title} virtual account",
        "bank_transfer",
        fields,
        is_named_by_transaction=is_named_by_transaction,
    )


def _permata(number: UUID) -> dict[str, object]:
    return {"permata_va_number": _digits(number, 16)}


def _mandiri(number: UUID) -> dict[str, object]:
    return {"biller_code": "70012", "bill_key": _digits(number, 12)}


def _counter(store: str) -> PaymentMethod:
    def fields(number: UUID) -> dict[str, object]:
        return {"store": store, "payment_code": _digits(number, 14)}

    return PaymentMethod(store, store.capitalize(), "cstore", fields)


def _nothing(_: UUID) -> dict[str, object]:
    return {}


def _qris(number: UUID) -> dict[str, object]:
    return {
        "transaction_type": "off-us",
        "issuer": "dana",
        "acquirer": "gopay",
        "reference_id": str(number),
    }


def _shopeepay(number: UUID) -> dict[str, object]:
    return {"shopeepay_reference_number": _digits(number, 12), "reference_id": str(number)}


def _card(number: UUID) -> dict[str, object]:
    return {
        "masked_card": "48111111-1114",
        "bank": "bni",
        "eci": "05",
        "card_type": "credit",
        "channel_response_code": "00",
        "channel_response_message": "Approved",
        "approval_code": _digits(number, 6),
        "three_ds_version": "2",
    }


_ALL = (
    *(_virtual_account(title.lower(), title) for title in ("BCA", "BNI", "BRI", "CIMB")),
    *(
        _virtual_account(title.lower(), title, is_named_by_transaction=True)
        for title in ("BSI", "Danamon", "Seabank", "Saqu")
    ),
    PaymentMethod("permata_va", "Permata virtual account", "bank_transfer", _permata),
    PaymentMethod("echannel", "Mandiri Bill", "echannel", _mandiri),
    PaymentMethod("gopay", "GoPay", "gopay", _nothing, RefundSupport.PARTIAL),
    PaymentMethod("other_qris", "QRIS", "qris", _qris, RefundSupport.PARTIAL),
    PaymentMethod("shopeepay", "ShopeePay", "shopeepay", _shopeepay, RefundSupport.FULL_ONLY),
    PaymentMethod(
        "dana", "DANA", "dana", _nothing, RefundSupport.PARTIAL, is_named_by_transaction=True
    ),
    PaymentMethod("ovo", "OVO", "ovo", _nothing, RefundSupport.FULL_ONLY),
    PaymentMethod("credit_card", "Card", "credit_card", _card, RefundSupport.PARTIAL),
    PaymentMethod("akulaku", "Akulaku", "akulaku", _nothing, RefundSupport.PARTIAL),
    PaymentMethod("kredivo", "Kredivo", "kredivo", _nothing, RefundSupport.PARTIAL),
    _counter("indomaret"),
    _counter("alfamart"),
)
METHODS = {method.name: method for method in _ALL}
GROUPS = {
    "bank_transfer": {name for name in METHODS if name.endswith("_va")},
    "cstore": {"indomaret", "alfamart"},
}


def enabled_methods(names: list[str]) -> list[PaymentMethod]:
    """Return the methods that a page offers for `enabled_payments`; all if it is empty."""
    enabled = set(names).union(*(GROUPS.get(name, set()) for name in names))
    return [method for method in _ALL if not names or method.name in enabled]
