"""Tests of withdrawing entitlements of guests that are absent from a file, only on request."""

from collections.abc import Callable
from datetime import datetime

import pytest
from sqlalchemy import func, select

from ticketing.crypto.keyring import KeyRing
from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.platform.kernel.errors import UnsafeWithdrawal
from ticketing.roster.import_result import ImportResult
from ticketing.roster.model import ImportCounts
from ticketing.roster.plan.import_impact import TouchedTickets
from ticketing.roster.plan.write_queries import WithdrawalCount
from ticketing.tickets.issuing.issue import issue_tickets

Import = Callable[..., ImportResult]
ReadGuests = Callable[[], dict[str, dict[str, str | None]]]

HEADER = "nim,nama,email"
ALL = ["1,Siti,s@example.org", "2,Budi,b@example.org", "3,Joko,j@example.org"]


@pytest.fixture
def states(read_guests: ReadGuests) -> Callable[[], dict[str, str | None]]:
    """Return a function that reads the state of every entitlement."""
    return lambda: {key: person["state"] for key, person in read_guests().items()}


def test_absent_guests_are_withdrawn_on_request(
    import_csv: Import, states: Callable[[], dict[str, str]]
) -> None:
    import_csv(HEADER, *ALL)

    result = import_csv(HEADER, ALL[0], "4,Ayu,", withdraw_absent=True)

    assert (result.withdrawn, result.counts) == (2, ImportCounts(inserted=1, unchanged=1))
    assert states() == {
        "id:1": "entitled",
        "id:2": "withdrawn",
        "id:3": "withdrawn",
        "id:4": "entitled",
    }


def test_a_dry_run_counts_withdrawals_and_their_tickets(
    import_csv: Import,
    database: Database,
    event: Event,
    new_job: Callable[..., int],
    keys: KeyRing,
    now: datetime,
    states: Callable[[], dict[str, str]],
) -> None:
    import_csv(HEADER, *ALL)
    issue_tickets(database, event, keys=keys, job_id=new_job(event), at=now, by="operator", limit=2)
    before = states()

    foretold = import_csv(HEADER, ALL[0], withdraw_absent=True, dry_run=True)

    assert foretold.withdrawal == WithdrawalCount(people=2, tickets=TouchedTickets(live=1))
    assert (foretold.withdrawn, states()) == (0, before)


def test_the_ticket_of_a_withdrawn_guest_is_not_changed(
    import_csv: Import,
    database: Database,
    event: Event,
    new_job: Callable[..., int],
    keys: KeyRing,
    now: datetime,
) -> None:
    import_csv(HEADER, *ALL)
    issue_tickets(database, event, keys=keys, job_id=new_job(event), at=now, by="operator")

    import_csv(HEADER, ALL[0], withdraw_absent=True)

    with database.transaction() as connection:
        live = connection.execute(
            select(func.count()).where(generated_tickets.c.state == "live")
        ).scalar_one()
    assert live == 3


def test_a_guest_in_the_file_again_is_entitled_again(
    import_csv: Import, states: Callable[[], dict[str, str]]
) -> None:
    import_csv(HEADER, *ALL)
    import_csv(HEADER, ALL[0], withdraw_absent=True)

    result = import_csv(HEADER, *ALL)

    assert result.changed_fields == {"state": 2}
    assert set(states().values()) == {"entitled"}


def test_a_guest_with_a_rejected_row_is_not_absent(
    import_csv: Import, states: Callable[[], dict[str, str]]
) -> None:
    import_csv(HEADER, *ALL)

    result = import_csv(HEADER, ALL[0], "2,Budi,broken@", withdraw_absent=True)

    assert (result.withdrawn, states()["id:2"]) == (1, "entitled")


@pytest.mark.parametrize("row", [",Budi,broken@", "2,Budi", ",Tono,b@example.org"])
def test_a_rejected_row_that_names_no_guest_stops_the_withdrawal(
    import_csv: Import, states: Callable[[], dict[str, str]], row: str
) -> None:
    import_csv(HEADER, *ALL)

    with pytest.raises(UnsafeWithdrawal, match="lines 3 are rejected"):
        import_csv(HEADER, ALL[0], row, withdraw_absent=True)

    assert set(states().values()) == {"entitled"}


def test_a_guest_matched_by_another_key_is_not_absent(
    import_csv: Import, states: Callable[[], dict[str, str]]
) -> None:
    import_csv(HEADER, ",Siti,s@example.org")

    result = import_csv(HEADER, ALL[0], withdraw_absent=True)

    assert (result.withdrawn, states()) == (0, {"id:1": "entitled"})
