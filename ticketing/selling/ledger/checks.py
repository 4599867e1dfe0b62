"""Whether the books say what orders, payments and refunds say."""

from ticketing.platform.db.database import Database
from ticketing.platform.kernel.invariant import Findings, Offender
from ticketing.selling.ledger import queries

MOST = 1000


def unbooked(database: Database) -> Findings:
    """Every order and every payment is in the books as it is."""
    with database.transaction() as connection:
        total = queries.count(connection)
        found = queries.disagreements(connection, most=MOST)
    return Findings.of(
        total,
        (
            Offender(one.subject, f"{one.what}: booked {one.booked}, and it is {one.real}")
            for one in found
        ),
    )
