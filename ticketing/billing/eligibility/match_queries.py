"""Set and clear the payment holds of an event's guests, in one statement."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from ticketing.events.payment_rule import PaymentRequirement, PaymentRule

MAX_LISTED = 20

# Counts group reasons by their beginning, up to the colon. What is owed is counted per bill: an
# overpaid bill hides no other one's arrears. A bank statement and the source may both know of a
# payment: the greater sum counts, never both.
_REASONS = """
WITH bank AS (
    SELECT payment_record_id, min(paid_before) + sum(amount) AS paid, max(booked_on) AS paid_on
    FROM bank_statement_rows WHERE state = 'matched' GROUP BY payment_record_id
),
bills AS (
    SELECT record.student_id, record.bill_code, record.period, record.currency,
           CASE WHEN record.state IN ('cancelled', 'waived', 'refunded') THEN 0
                ELSE greatest(record.amount_due - greatest(record.amount_paid, bank.paid), 0)
           END AS owed,
           greatest(record.amount_paid, bank.paid) > 0 AND record.amount_due > 0 AS has_payment,
           CASE WHEN record.amount_paid >= record.amount_due THEN coalesce(
                    record.paid_on, (record.paid_at AT TIME ZONE 'Asia/Jakarta')::date, bank.paid_on
                ) ELSE greatest(
                    record.paid_on, (record.paid_at AT TIME ZONE 'Asia/Jakarta')::date, bank.paid_on
                ) END AS paid_on
    FROM payment_records record JOIN students ON students.id = record.student_id
    LEFT JOIN bank ON bank.payment_record_id = record.id
    WHERE students.source = :source AND record.vanished_at IS NULL
      AND (cardinality(CAST(:codes AS text[])) = 0 OR record.bill_code = ANY(:codes))
),
owing AS (
    SELECT student_id,
           string_agg(
               concat_ws(' ', bill_code, period, currency, to_char(owed, 'FM999,999,999,990')),
               ', ' ORDER BY bill_code, period
           ) FILTER (WHERE owed > 0) AS unpaid,
           string_agg(
               concat_ws(' ', bill_code, period, coalesce(paid_on::text, 'without a date')),
               ', ' ORDER BY bill_code, period
           ) FILTER (
               WHERE has_payment AND coalesce(paid_on, 'infinity') > CAST(:by AS date)
           ) AS late,
           array_agg(DISTINCT bill_code) AS codes
    FROM bills GROUP BY student_id
),
confirmed AS (
    SELECT students.id, students.external_id, students.fetched_at,
           greatest(students.fetched_at, (
               SELECT max(item.finished_at) FROM sync_items item
               WHERE item.student_id = students.id AND item.state = 'succeeded'
           )) AS at
    FROM students WHERE students.source = :source
),
matched AS (
    SELECT entitlements.id,
           CASE
               WHEN confirmed.id IS NULL THEN 'no student with this id in the billing system'
               WHEN confirmed.fetched_at IS NULL THEN 'the payment record was never fetched'
               WHEN confirmed.at < :oldest THEN 'the payment record is too old'
               WHEN owing.unpaid IS NOT NULL THEN 'unpaid: ' || left(owing.unpaid, 400)
               WHEN NOT CAST(:codes AS text[]) <@ coalesce(owing.codes, '{}') THEN
                   'not billed: ' || array_to_string(ARRAY(
                       SELECT code FROM unnest(CAST(:codes AS text[])) code
                       WHERE NOT code = ANY(coalesce(owing.codes, '{}'))
                   ), ', ')
               WHEN CAST(:by AS date) IS NOT NULL AND owing.late IS NOT NULL THEN
                   'paid too late: ' || left(owing.late, 400)
           END AS hold
    FROM entitlements
    JOIN guests ON guests.id = entitlements.guest_id
    LEFT JOIN confirmed ON confirmed.external_id = guests.external_id
    LEFT JOIN owing ON owing.student_id = confirmed.id
    WHERE entitlements.event_id = :event AND entitlements.source = 'roster'
      AND entitlements.state = 'entitled'
)
"""
_MATCH = text(
    _REASONS
    + """
UPDATE entitlements SET payment_hold = matched.hold
FROM matched
WHERE entitlements.id = matched.id AND entitlements.payment_hold IS DISTINCT FROM matched.hold
RETURNING matched.hold IS NULL
"""
)
_COUNT = text("""
SELECT coalesce(split_part(payment_hold, ':', 1), '') AS reason, count(*) AS guests
FROM entitlements
WHERE event_id = :event AND source = 'roster' AND state = 'entitled'
GROUP BY reason ORDER BY reason
""")
_HELD_WITH_TICKET = """
FROM entitlements
JOIN guests ON guests.id = entitlements.guest_id
JOIN generated_tickets ticket
  ON ticket.entitlement_id = entitlements.id AND ticket.state = 'live'
WHERE entitlements.event_id = :event AND entitlements.payment_hold IS NOT NULL
"""
_LIST_HELD_WITH_TICKET = text(
    "SELECT guests.external_id, guests.full_name, ticket.ticket_code, entitlements.payment_hold"
    f" {_HELD_WITH_TICKET} ORDER BY entitlements.id LIMIT :limit"
)
_COUNT_HELD_WITH_TICKET = text(f"SELECT count(*) {_HELD_WITH_TICKET}")


@dataclass(frozen=True, slots=True)
class HeldTicketHolder:
    """A guest with a live ticket whose payments do not fulfil the rule any more."""

    external_id: str | None
    full_name: str
    ticket_code: str
    reason: str


def match_event(
    connection: Connection,
    event_id: int,
    rule: PaymentRule,
    source: str,
    *,
    oldest: datetime,
) -> tuple[int, int]:
    """Set and clear holds by the present records; return how many guests were cleared and held.

    A record that was confirmed before `oldest` counts as unknown, and unknown is never settled.
    """
    codes = list(rule.bills) if rule.requirement is PaymentRequirement.BILLS else []
    changed = connection.execute(
        _MATCH,
        {"event": event_id, "source": source, "codes": codes, "by": rule.by, "oldest": oldest},
    )
    cleared = [bool(row[0]) for row in changed]
    return cleared.count(True), cleared.count(False)


def count_holds(connection: Connection, event_id: int) -> dict[str, int]:
    """Return the number of guests of rosters by reason; the empty reason is settled."""
    return {row.reason: row.guests for row in connection.execute(_COUNT, {"event": event_id})}


def list_held_with_ticket(
    connection: Connection, event_id: int
) -> tuple[Sequence[HeldTicketHolder], int]:
    """Return the first guests with a live ticket and a payment hold, and how many there are."""
    first = connection.execute(_LIST_HELD_WITH_TICKET, {"event": event_id, "limit": MAX_LISTED})
    total = connection.execute(_COUNT_HELD_WITH_TICKET, {"event": event_id}).scalar_one()
    return [HeldTicketHolder(*row) for row in first], int(total)
