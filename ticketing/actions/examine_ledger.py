"""Whether the books say what orders, payments and refunds say."""

from ticketing.actions.examine import Findings, Offender
from ticketing.store import ledger
from ticketing.store.database import Database

MOST = 1000


def unbooked(database: Database) -> Findings:
    """Every order and every payment is in the books as it is."""
    with database.transaction() as connection:
        total = ledger.count(connection)
        found = ledger.disagreements(connection, most=MOST)
    return Findings.of(
        total,
        (
            Offender(one.subject, f"{one.what}: booked {one.booked}, and it is {one.real}")
            for one in found
        ),
    )
