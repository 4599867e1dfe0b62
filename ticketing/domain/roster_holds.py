"""Why somebody must not get a ticket yet, out of what people write into such columns."""

_NO = {"0", "n", "no", "f", "false", "tidak", "-"}
_YES = {"1", "y", "yes", "t", "true", "ya", "x"}
_SETTLED = {
    "paid", "ok", "free", "settled", "settlement", "lunas", "sudah", "sudah lunas", "sudah bayar",
    "sudah dibayar", "dibayar", "terbayar", "gratis", "bebas",
}  # fmt: skip
_OPEN = {
    "unpaid", "not paid", "pending", "open", "due", "belum", "belum lunas", "belum bayar",
    "belum dibayar", "tidak lunas", "menunggu", "tertunda", "cicil",
}  # fmt: skip


def hold_of(text: str) -> str:
    """The reason in a column "hold"; empty when it says that nothing holds this person back."""
    word = text.lower()
    if not word or word in _NO or word in _SETTLED:
        return ""
    return "on hold" if word in _YES else text


def hold_of_payment(text: str) -> str:
    """The reason in a column "paid" or "payment status"; an empty cell is not a payment.

    Raises ValueError for words that could mean either.
    """
    word = text.lower()
    if word in _YES or word in _SETTLED:
        return ""
    if not word or word in _NO or word in _OPEN:
        return f"payment: {text}" if word in _OPEN else "not paid"
    raise ValueError("cannot tell whether this is paid; write paid or unpaid (lunas, belum)")
