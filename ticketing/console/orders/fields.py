"""Read the fields of the forms about an order; every refusal names the field and what it takes."""

import re
from collections.abc import Mapping

from ticketing.orders.order import ReviewFlag
from ticketing.orders.refund import RefundFee
from ticketing.platform.kernel.errors import RefundRefused, Refused
from ticketing.platform.kernel.money import Rupiah
from ticketing.selling.refunds.refund_plan import MAX_REASON_LENGTH, RefundRequest, RefundScope

_PLACE = re.compile(r"place-([1-9][0-9]{0,8})")
_MAX_PERCENT = 100


class UnusableField(Refused):
    """A field of a form has a value that cannot be used."""


def require_reason(fields: Mapping[str, str], *, needed: bool = True) -> str:
    """Return the reason in one line. Raises UnusableField."""
    reason = fields.get("reason", "").strip()
    if needed and not reason:
        raise UnusableField("reason is empty: say why in one line; it is kept in the audit log")
    if len(reason) > MAX_REASON_LENGTH or not reason.isprintable():
        raise UnusableField(f"reason: one line of at most {MAX_REASON_LENGTH} characters")
    return reason


def parse_flag(text: str) -> ReviewFlag:
    """Return the review flag. Raises UnusableField."""
    try:
        return ReviewFlag(text)
    except ValueError:
        raise UnusableField(f"flag: {text!r} is no question about orders") from None


def parse_refund(fields: Mapping[str, str], fee: RefundFee) -> RefundRequest:
    """Return the refund that a form asks for: ticked places, or an amount, or the surplus.

    `fee` is the fee of the event, which a percentage in the form replaces. Raises RefundRefused
    if nothing was chosen, so that an empty form never plans to refund everything.
    """
    places = tuple(sorted(int(found[1]) for found in map(_PLACE.fullmatch, fields) if found))
    amount, is_surplus = fields.get("amount", "").strip(), "surplus" in fields
    if not places and not amount and not is_surplus:
        raise RefundRefused("tick the places to refund, or write an amount")
    return RefundRequest(
        places=None if is_surplus else places,
        amount=Rupiah.parse(amount) if amount else None,
        money=RefundScope.SURPLUS if is_surplus else RefundScope.ORDER,
        fee=fee.changed(_parse_percent(fields.get("fee_percent", "").strip()), None),
        reason=require_reason(fields, needed=False),
        by_hand="by_hand" in fields,
    )


def _parse_percent(text: str) -> int | None:
    if not text:
        return None
    if not re.fullmatch(r"[0-9]{1,3}", text) or int(text) > _MAX_PERCENT:
        raise UnusableField(f"fee_percent: {text!r} is not a whole number from 0 to 100")
    return int(text)
