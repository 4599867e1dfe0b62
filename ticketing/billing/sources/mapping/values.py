"""Read the fields of one bill from the scope of its row."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from ticketing.billing.sources.contract import PaymentState
from ticketing.billing.sources.mapping import periods
from ticketing.billing.sources.mapping.dates import day_of, parse_date, start_of
from ticketing.billing.sources.mapping.errors import BadRecord
from ticketing.billing.sources.mapping.fields import (
    Condition,
    DateField,
    MoneyField,
    PeriodField,
    StatusField,
    TextField,
)
from ticketing.billing.sources.mapping.money import parse_money
from ticketing.billing.sources.mapping.paths import (
    MISSING,
    Scope,
    find,
    first_filled,
    is_blank,
    items_at,
    word,
)
from ticketing.billing.sources.mapping.reversals import without_reversed
from ticketing.billing.sources.strict_json import shorten


@contextmanager
def naming(field: str) -> Iterator[None]:
    """Put the name of the field before the message of a BadRecord."""
    try:
        yield
    except BadRecord as error:
        error.args = (f"{field}: {error}",)
        raise


def text_value(scope: Scope, field: TextField) -> str:
    """Return the text; raises BadRecord for a blank one, also for one blank part of several."""
    if field.const is not None:
        return field.const
    if field.join:
        return field.sep.join(word(_filled(scope, path)) for path in field.join)
    found = first_filled(scope, field.source)
    if found is MISSING:
        return _replacement(field.missing, field.source)
    return word(found)


def money_value(scope: Scope, field: MoneyField) -> Decimal:
    """Return the amount, or the sum of the child objects' amounts."""
    if field.children and field.field:
        amounts = (find(item, field.field) for item in _children(scope, field))
        return sum((_amount(value, field) for value in amounts), Decimal(0))
    return _amount(first_filled(scope, field.source), field)


def date_value(scope: Scope, field: DateField, zone: ZoneInfo) -> date | datetime | None:
    """Return the date, or the latest one of the child objects that were not reversed."""
    if not (field.children and field.field):
        found = first_filled(scope, field.source)
        if found is MISSING:
            _replacement(field.missing, field.source)
            return None
        return parse_date(found, field.formats, zone)
    kept = list(_children(scope, field))
    if field.reversals:
        everything = _objects(scope, field.children)
        kept = without_reversed(kept, everything, field.reversals)
    values = [find(item, field.field) for item in kept]
    dates = [parse_date(value, field.formats, zone) for value in values if not is_blank(value)]
    return max(dates, key=lambda each: start_of(each, zone), default=None)


def period_value(scope: Scope, field: PeriodField, zone: ZoneInfo) -> str | None:
    """Return the period in our form, or None where the mapping allows a bill without one."""
    if field.year and field.month:
        year, month = find(scope, field.year), find(scope, field.month)
        if is_blank(year):
            _replacement(field.missing, (field.year,))
            return None
        is_academic = field.kind == "academic_month"
        return (periods.academic_month if is_academic else periods.calendar_month)(year, month)
    found = first_filled(scope, field.source)
    if found is MISSING:
        _replacement(field.missing, field.source)
        return None
    if field.kind == "month_of":
        return f"{day_of(parse_date(found, field.formats, zone), zone):%Y-%m}"
    if field.kind == "semester":
        return periods.semester(found)
    return periods.academic_year(found) if field.kind == "academic_year" else word(found)


def stated_state(scope: Scope, field: StatusField) -> PaymentState:
    """Return what the source states; raises BadRecord with the word if it is not mapped."""
    found = first_filled(scope, field.source)
    if found is MISSING:
        return PaymentState(_replacement(field.missing, field.source))
    stated = word(found)
    if stated not in field.map:
        raise BadRecord(f"{shorten(stated)} is not in the map of states: add it with its meaning")
    return field.map[stated]


def fulfils(item: Scope, condition: Condition) -> bool:
    """Return whether a field has one of the words; a missing one has none."""
    found = find(item, condition.field)
    return found is not MISSING and word(found) in {word(each) for each in condition.among}


def _children(scope: Scope, field: MoneyField | DateField) -> Iterator[Scope]:
    items = _objects(scope, field.children or "")
    return (item for item in items if not field.where or fulfils(item, field.where))


def _objects(scope: Scope, path: str) -> list[Scope]:
    items = items_at(scope, path)
    if not all(isinstance(item, dict) for item in items):
        raise BadRecord(f"{path} has items that are no objects")
    return [item for item in items if isinstance(item, dict)]


def _amount(value: object, field: MoneyField) -> Decimal:
    if not is_blank(value):
        return parse_money(value, field.money)
    if field.missing is None:
        raise BadRecord(_blank_message(field.source or (f"{field.children}[].{field.field}",)))
    return field.missing_amount()


def _filled(scope: Scope, path: str) -> object:
    value = find(scope, path)
    if is_blank(value):
        raise BadRecord(_blank_message((path,)))
    return value


def _replacement(missing: str | None, paths: tuple[str, ...]) -> str:
    if missing is None:
        raise BadRecord(_blank_message(paths))
    return missing


def _blank_message(paths: tuple[str, ...]) -> str:
    return f"{' and '.join(paths)} has no value; set `missing` if that is allowed"
