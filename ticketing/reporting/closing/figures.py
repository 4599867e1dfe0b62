"""The figures of a closing report: what is counted, and the digests of ledger and audit log."""

import hashlib
from collections.abc import Iterable

from sqlalchemy import Connection

from ticketing.checkin import count_queries
from ticketing.events.model import Event
from ticketing.orders import review_flag_queries
from ticketing.platform.db.database import Database
from ticketing.reporting.closing import figure_queries
from ticketing.reporting.closing.report_file import Json, to_canonical_json
from ticketing.selling.ledger import queries as ledger_queries
from ticketing.tickets import eligibility_queries


def collect_figures(database: Database, event: Event, *, until: Json | None = None) -> Json:
    """Return all figures of an event at one instant.

    `until` are earlier figures: the digests then cover the entries that were there at that time.
    """
    with database.snapshot() as connection:
        return {
            "payment_environment": figure_queries.get_environment(connection),
            "orders": figure_queries.count_orders(connection, event.id),
            "ticket_types": figure_queries.list_stock(connection, event.id),
            "guests": _count_guests(connection, event.id),
            "tickets": figure_queries.count_tickets(connection, event.id),
            "vouchers": figure_queries.count_vouchers(connection, event.id),
            "money": _sum_money(connection, event.id),
            "deliveries": figure_queries.count_deliveries(connection, event.id),
            "check_ins": _count_check_ins(connection, event.id),
            "exceptions": _list_exceptions(connection, event.id),
            "ledger": _digest(
                figure_queries.iter_ledger(
                    connection, event.id, until=_last_id(until, "ledger")
                )
            ),
            "audit_log": _digest(
                figure_queries.iter_audit_log(
                    connection, event.id, until=_last_id(until, "audit_log")
                )
            ),
        }  # fmt: skip


def _count_guests(connection: Connection, event_id: int) -> Json:
    """Count the guests; whether the event is over changes no figure."""
    counts = eligibility_queries.count_by_status(connection, event_id, event_over=False)
    return {
        "entitled": counts.entitled,
        "with_ticket": counts.has_ticket,
        "without_ticket": counts.missing,
        "on_hold": counts.on_hold,
        "withdrawn": counts.withdrawn,
    }


def _count_check_ins(connection: Connection, event_id: int) -> Json:
    """Return the counts of each check-in list by its name."""
    return {
        one.name: {
            "expected": one.expected,
            "entered": one.entered,
            "refused": one.refused,
            "conflicts": one.conflicts,
        }
        for one in count_queries.count_by_list(connection, event_id)
    }


def _sum_money(connection: Connection, event_id: int) -> Json:
    """Return the sums of the ledger in signed rupiah."""
    by_kind = ledger_queries.sum_by_kind(connection, event_id)
    return {
        "sale": sum(one.sale for one in by_kind.values()),
        "received_and_not_returned": sum(one.money for one in by_kind.values()),
        "by_kind": {
            str(kind): {"entries": one.entries, "sale": one.sale, "money": one.money}
            for kind, one in by_kind.items()
        },
        "by_means": figure_queries.list_money_by_means(connection, event_id),
    }


def _list_exceptions(connection: Connection, event_id: int) -> Json:
    """Return what is left open or went wrong."""
    return {
        "open_flags": [
            {"order": one.order_code, "flag": str(one.flag), "message": one.message}
            for one in review_flag_queries.list_open(connection, event_id)
        ],
        "open_refunds": figure_queries.count_open_refunds(connection, event_id),
        "unsettled_notifications": figure_queries.count_unsettled_notifications(
            connection, event_id
        ),
        "failed_deliveries": figure_queries.count_failed_deliveries(connection, event_id),
        "rejected_rows": figure_queries.count_rejected_rows(connection, event_id),
        "undecided_duplicates": figure_queries.count_undecided_duplicates(connection, event_id),
    }


def _digest(rows: Iterable[list[object]]) -> Json:
    """Return the number of entries, the id of the last one, and the SHA-256 over all of them."""
    digest, entries = hashlib.sha256(), 0
    last_id: object = 0
    for row in rows:
        digest.update(to_canonical_json(row) + b"\n")
        entries, last_id = entries + 1, row[0]
    return {"entries": entries, "last_id": last_id, "sha256": digest.hexdigest()}


def _last_id(figures: Json | None, name: str) -> int | None:
    if figures is None:
        return None
    part = figures.get(name)
    last_id = part.get("last_id") if isinstance(part, dict) else None
    return last_id if isinstance(last_id, int) else None
