"""Whether the books say what orders, payments and refunds say."""

from ticketing.platform.db.database import Database
from ticketing.platform.kernel.invariant import InvariantResult, Violation
from ticketing.selling.ledger import queries

MAX_MISMATCHES = 1000


def check_ledger_matches_sales(database: Database) -> InvariantResult:
    """Every order and every payment is in the books as it is."""
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
