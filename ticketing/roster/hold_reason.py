"""Why a person must not get a ticket yet."""

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
    """The reason in a column "hold"; empty when it says that nothing holds this person back."""
    word = text.lower()
    if not word or word in _NO_WORDS or word in _PAID_WORDS:
        return ""
    return "on hold" if word in _YES_WORDS else text


def parse_payment_hold(text: str) -> str:
    """The reason in a column "paid" or "payment status"; an empty cell is not a payment.

    Raises ValueError for words that could mean either.
    """
    word = text.lower()
    if word in _YES_WORDS or word in _PAID_WORDS:
        return ""
    if not word or word in _NO_WORDS or word in _UNPAID_WORDS:
        return f"payment: {text}" if word in _UNPAID_WORDS else "not paid"
    raise ValueError("cannot tell whether this is paid; write paid or unpaid (lunas, belum)")
