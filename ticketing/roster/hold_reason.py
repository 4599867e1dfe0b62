"""The reason why a guest must not get a ticket yet, from the columns "hold" and "payment"."""

_NO_WORDS = {"0", "n", "no", "f", "false", "tidak", "-"}
_YES_WORDS = {"1", "y", "yes", "t", "true", "ya", "x"}
_PAID_WORDS = {
    "paid", "ok", "free", "settled", "settlement", "lunas", "sudah", "sudah lunas", "sudah bayar",
    "sudah dibayar", "dibayar", "terbayar", "gratis", "bebas",
}  # fmt: skip
_UNPAID_WORDS = {
    "unpaid", "not paid", "pending", "open", "due", "belum", "belum lunas", "belum bayar",
    "belum dibayar", "tidak lunas", "menunggu", "tertunda", "cicil",
}  # fmt: skip


def parse_hold_reason(text: str) -> str:
    """Return the reason from a column "hold"; empty if the guest is not on hold."""
    word = text.lower()
    if not word or word in _NO_WORDS or word in _PAID_WORDS:
        return ""
    return "on hold" if word in _YES_WORDS else text


def parse_payment_hold(text: str) -> str:
    """Return the reason from a column "paid" or "payment status"; an empty cell is not a payment.

    Raises ValueError for ambiguous words.
    """
    word = text.lower()
    if word in _YES_WORDS or word in _PAID_WORDS:
        return ""
    if not word or word in _NO_WORDS or word in _UNPAID_WORDS:
        return f"payment: {text}" if word in _UNPAID_WORDS else "not paid"
    raise ValueError("cannot tell whether this is paid; write paid or unpaid (lunas, belum)")
