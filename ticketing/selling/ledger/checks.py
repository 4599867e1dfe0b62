"""Invariant: the ledger agrees with orders, payments and refunds."""

from ticketing.platform.db.database import Database
from ticketing.platform.kernel.invariant import InvariantResult, Violation
from ticketing.selling.ledger import queries

MAX_MISMATCHES = 1000


def check_ledger_matches_sales(database: Database) -> InvariantResult:
    """Check that every order and every payment is recorded in the ledger correctly."""
    with database.transaction() as connection:
        total = queries.count_orders(connection)
        found = queries.list_mismatches(connection, limit=MAX_MISMATCHES)
    return InvariantResult.from_violations(
        total,
        (
            Violation(one.subject, f"{one.aspect}: booked {one.booked}, and it is {one.actual}")
            for one in found
        ),
    )
