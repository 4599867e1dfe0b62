"""The parts of a hold reason: possible duplicate, payment, and what the roster's column says.

They are joined by "; " in this order: `possible duplicate of id:7; not paid; belum foto`.
"""

from sqlalchemy import ColumnElement, FromClause, case, func, literal, null

from ticketing.platform.db.tables.roster import entitlements
from ticketing.roster.model import RosterField

SEPARATOR = "; "
_DUPLICATE = "possible duplicate of "
_PAYMENT_PATTERN = "^(not paid|payment: [^;]*)"  # written by `clean_row.parse_payment_hold`


def duplicate_reason(
    other: ColumnElement[str] | ColumnElement[str | None],
) -> ColumnElement[str]:
    """Return the reason that names the other guest, NULL without one."""
    return literal(_DUPLICATE) + other


def without_duplicate_reason() -> ColumnElement[str]:
    """Return the stored reason of an entitlement without the part about a duplicate."""
    stored = entitlements.c
    after = func.length(duplicate_reason(stored.duplicate_of)) + len(SEPARATOR) + 1
    rest = func.nullif(func.substr(stored.hold_reason, after), "")
    return case((stored.duplicate_of.is_(None), stored.hold_reason), else_=rest)


def join_reasons(*parts: ColumnElement[str]) -> ColumnElement[str]:
    """Return the parts that are not NULL as one reason, NULL without any."""
    return func.nullif(func.concat_ws(SEPARATOR, *parts), "")


def updated_reason(row: FromClause, stated: ColumnElement[str]) -> ColumnElement[str]:
    """Return the reason after a row that states these fields; a possible duplicate stays one."""
    stored, new = without_duplicate_reason(), func.nullif(row.c.hold_reason, "")
    mixed = join_reasons(
        case((states(stated, RosterField.PAYMENT), payment_part(new)), else_=payment_part(stored)),
        case((states(stated, RosterField.HOLD), other_part(new)), else_=other_part(stored)),
    )
    everything = f"{RosterField.HOLD} {RosterField.PAYMENT}"
    own = case((stated == "", stored), (stated == everything, new), else_=mixed)
    return join_reasons(duplicate_reason(entitlements.c.duplicate_of), own)


def states(stated: ColumnElement[str], field: RosterField) -> ColumnElement[bool]:
    """Return the condition that a field is one of the stated ones."""
    return func.strpos(stated, field.value) > 0


def payment_part(reason: ColumnElement[str]) -> ColumnElement[str]:
    """Return the part about the payment, NULL without one."""
    return func.substring(reason, _PAYMENT_PATTERN)


def other_part(reason: ColumnElement[str]) -> ColumnElement[str]:
    """Return the part after the payment, NULL without one."""
    rest = func.regexp_replace(reason, f"{_PAYMENT_PATTERN}({SEPARATOR}|$)", "")
    return case((reason.is_(None), null()), else_=func.nullif(rest, ""))
