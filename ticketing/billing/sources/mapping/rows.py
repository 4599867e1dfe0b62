"""Read all bills of a student's document: whose it is, what each row says, what is double."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import count
from zoneinfo import ZoneInfo

from ticketing.billing.sources.contract import Bill, PaymentState
from ticketing.billing.sources.mapping.dates import start_of
from ticketing.billing.sources.mapping.errors import BadRecord, RecordOfAnother
from ticketing.billing.sources.mapping.fields import is_currency
from ticketing.billing.sources.mapping.model import SourceMapping
from ticketing.billing.sources.mapping.paths import Scope, find, is_blank, items_at, word
from ticketing.billing.sources.mapping.values import (
    date_value,
    fulfils,
    money_value,
    naming,
    period_value,
    stated_state,
    text_value,
)
from ticketing.billing.sources.strict_json import shorten

# the source decides about these whatever the amounts are
_STATED_WINS = frozenset({
    PaymentState.CANCELLED, PaymentState.PENDING, PaymentState.REFUNDED, PaymentState.WAIVED,
    PaymentState.UNKNOWN,
})  # fmt: skip


def read_bills(mapping: SourceMapping, external_id: str, document: object) -> tuple[Bill, ...]:
    """Return the bills of a document in its order.

    Raises BadRecord for anything that does not fit the mapping, RecordOfAnother for a document of
    another student, also if it has no bills.
    """
    scope = {"doc": document}
    if mapping.rows.owner and mapping.rows.owner.startswith("doc."):
        _require_owner(scope, mapping.rows.owner, external_id)
    scopes = _walk_owned(scope, mapping, mapping.rows.each, external_id)
    skip = mapping.rows.skip
    bills = [_read_bill(scope, mapping) for scope in scopes if not skip or not fulfils(scope, skip)]
    return tuple(_without_doubles(bills, mapping))


def bill_state(due: Decimal, paid: Decimal, stated: PaymentState | None) -> PaymentState:
    """Return the state by the amounts, unless the source states one that has no amount."""
    if stated in _STATED_WINS:
        return stated
    if due == 0 and paid == 0:
        return PaymentState.WAIVED
    if paid >= due:
        return PaymentState.PAID
    return PaymentState.PARTIAL if paid > 0 else PaymentState.UNPAID


def _walk_owned(
    scope: Scope, mapping: SourceMapping, each: tuple[tuple[str, str], ...], external_id: str
) -> Iterator[Scope]:
    """Walk like `paths.walk`; the owner is checked at the level that has it, bills or none."""
    owner = mapping.rows.owner
    if not each:
        yield scope
        return
    (name, path), *rest = each
    for item in items_at(scope, path):
        inner = {**scope, name: item}
        if owner and owner.partition(".")[0] == name:
            _require_owner(inner, owner, external_id)
        yield from _walk_owned(inner, mapping, tuple(rest), external_id)


def _require_owner(scope: Scope, path: str, external_id: str) -> None:
    found = find(scope, path)
    if is_blank(found):
        raise BadRecord(f"owner: {path} has no value, so nobody knows whose record this is")
    if word(found) != external_id:
        raise RecordOfAnother(f"owner: {path} is {word(found)!r}, asked for {external_id!r}")


def _read_bill(scope: Scope, mapping: SourceMapping) -> Bill:
    fields, zone = mapping.rows.fields, ZoneInfo(mapping.zone)
    with naming("bill_code"):
        code = text_value(scope, fields.bill_code)
    with naming(f"{code}: period"):
        period = period_value(scope, fields.period, zone) if fields.period else None
    with naming(f"{code}: status"):
        stated = stated_state(scope, fields.status) if fields.status else None
    with naming(f"{code}: amount_due"):
        due = money_value(scope, fields.amount_due)
    paid, state = _paid(scope, mapping, code, due, stated)
    with naming(f"{code}: paid_at"):
        paid_at = date_value(scope, fields.paid_at, zone) if fields.paid_at else None
    with naming(f"{code}: source_ref"):
        reference = text_value(scope, fields.source_ref) if fields.source_ref else ""
    return Bill(
        source_ref=reference or f"{code}|{period or ''}",
        bill_code=code,
        period=period,
        amount_due=due,
        amount_paid=paid,
        state=state,
        stated_state=stated,
        paid_at=paid_at,
        currency=_currency(scope, mapping, code),
    )


def _paid(
    scope: Scope, mapping: SourceMapping, code: str, due: Decimal, stated: PaymentState | None
) -> tuple[Decimal, PaymentState]:
    field = mapping.rows.fields.amount_paid
    if field is None and stated is not None:
        return (due if stated is PaymentState.PAID else Decimal(0)), stated
    with naming(f"{code}: amount_paid"):
        paid = money_value(scope, field) if field else Decimal(0)
    return paid, bill_state(due, paid, stated)


def _currency(scope: Scope, mapping: SourceMapping, code: str) -> str:
    field = mapping.rows.fields.currency
    with naming(f"{code}: currency"):
        found = text_value(scope, field) if field else mapping.currency
        if not is_currency(found):
            raise BadRecord(f"{shorten(found)} is no currency code such as IDR")
    return found


def _without_doubles(bills: list[Bill], mapping: SourceMapping) -> Iterator[Bill]:
    """Yield bills of different references; doubles as the mapping says."""
    found: dict[str, list[Bill]] = {}
    for bill in bills:
        found.setdefault(bill.source_ref, []).append(bill)
    for reference, alike in found.items():
        if len(alike) == 1 or mapping.rows.duplicates == "keep":
            yield from _numbered(alike)
        elif mapping.rows.duplicates == "sum":
            yield _sum(alike, mapping)
        else:
            raise BadRecord(
                f"source_ref: {shorten(reference)} is {len(alike)} times in one record; set"
                ' `duplicates` to "sum" or "keep" if that is right'
            )


def _numbered(alike: list[Bill]) -> Iterator[Bill]:
    first, *others = alike
    yield first
    for bill, number in zip(others, count(2), strict=False):
        yield replace(bill, source_ref=f"{bill.source_ref}#{number}")


def _sum(alike: list[Bill], mapping: SourceMapping) -> Bill:
    """Return one bill of the sums; what differs in another way than by amounts is refused."""
    first = alike[0]
    if {(bill.bill_code, bill.period, bill.currency) for bill in alike} != {
        (first.bill_code, first.period, first.currency)
    }:
        raise BadRecord(
            f"source_ref: {shorten(first.source_ref)} names bills of different code, period or"
            " currency, which cannot be added"
        )
    due = sum((bill.amount_due for bill in alike), Decimal(0))
    paid = sum((bill.amount_paid for bill in alike), Decimal(0))
    stated = {bill.stated_state for bill in alike}
    agreed = stated.pop() if len(stated) == 1 else None
    zone = ZoneInfo(mapping.zone)
    dates = [bill.paid_at for bill in alike if bill.paid_at]
    latest = max(dates, key=lambda each: start_of(each, zone), default=None)
    return replace(
        first,
        amount_due=due,
        amount_paid=paid,
        stated_state=agreed,
        state=bill_state(due, paid, agreed),
        paid_at=latest,
    )
