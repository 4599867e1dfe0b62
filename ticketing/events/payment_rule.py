"""What an event requires of the payments of its guests before they get a ticket."""

import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from ticketing.platform.kernel.errors import Refused

MAX_BILLS, MAX_CODE_LENGTH = 20, 80
FORMS = "none, no-arrears, bills:CODE[,CODE…], or paid-by:YYYY-MM-DD"


class PaymentRequirement(StrEnum):
    """Kind of a rule."""

    NONE = "none"
    NO_ARREARS = "no-arrears"  # nothing that is billed is unpaid
    BILLS = "bills"  # the named bills exist and are paid
    PAID_BY = "paid-by"  # nothing is unpaid, and nothing was paid after a date


class UnusablePaymentRule(Refused):
    """A payment rule is not one of the known forms."""


@dataclass(frozen=True, slots=True)
class PaymentRule:
    """A rule; `bills` are bill codes, `by` is a date in the zone of the billing system."""

    requirement: PaymentRequirement
    bills: tuple[str, ...] = ()
    by: date | None = None

    def __str__(self) -> str:
        """Return the rule as it is stored."""
        value = ",".join(self.bills) if self.bills else self.by and self.by.isoformat()
        return f"{self.requirement}:{value}" if value else str(self.requirement)


def parse_payment_rule(text: str) -> PaymentRule:
    """Return the rule of a text. Raises UnusablePaymentRule."""
    name, _, value = (part.strip() for part in text.partition(":"))
    match name:
        case PaymentRequirement.NONE | PaymentRequirement.NO_ARREARS if ":" not in text:
            return PaymentRule(PaymentRequirement(name))
        case PaymentRequirement.BILLS:
            return PaymentRule(PaymentRequirement.BILLS, bills=_parse_bills(text, value))
        case PaymentRequirement.PAID_BY:
            return PaymentRule(PaymentRequirement.PAID_BY, by=_parse_date(text, value))
    raise UnusablePaymentRule(f"payment rule {text!r}: write {FORMS}")


def _parse_bills(text: str, value: str) -> tuple[str, ...]:
    codes = tuple(dict.fromkeys(code.strip() for code in value.split(",")))
    if not all(codes) or len(codes) > MAX_BILLS or any(len(c) > MAX_CODE_LENGTH for c in codes):
        raise UnusablePaymentRule(
            f"payment rule {text!r}: name 1 to {MAX_BILLS} bill codes of at most"
            f" {MAX_CODE_LENGTH} characters, such as bills:SPP,Wisuda"
        )
    return codes


def _parse_date(text: str, value: str) -> date:
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise UnusablePaymentRule(f"payment rule {text!r}: write the date as in paid-by:2026-11-30")
