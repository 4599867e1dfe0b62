"""Tests of reissuing: only by an applied plan that lists affected guests; no guest is left out."""

from collections.abc import Callable
from datetime import datetime

import pytest
from sqlalchemy import select, text, update

from ticketing.checkin.verify import verify_ticket
from ticketing.crypto.keyring import KeyRing
from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.operations import audit_log
from ticketing.platform.db.tables.roster import entitlements
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.platform.kernel.errors import PlanOutdated
from ticketing.tickets.batches import queries as batch_queries
from ticketing.tickets.issuing import reissue as ticket_reissue
from ticketing.tickets.issuing.issue import issue_tickets
from ticketing.tickets.issuing.reissue import apply_reissue, plan_reissue

AddGuests = Callable[..., list[int]]
NewJob = Callable[..., int]
State = Callable[[], list[tuple[int, str, str]]]


@pytest.fixture
def guest_ids(
    *,
    database: Database,
    event: Event,
    add_guests: AddGuests,
    job_id: int,
    keys: KeyRing,
    now: datetime,
) -> list[int]:
    """Create five guests with tickets, two of them delivered."""
    entered = add_guests(event, 5)
    issue_tickets(database, event, keys=keys, job_id=job_id, at=now, by="test")
    with database.transaction() as connection:
        connection.execute(
            update(generated_tickets)
            .where(generated_tickets.c.guest_id.in_(entered[:2]))
            .values(delivered_at=now)
        )
    return entered


@pytest.fixture
def state(database: Database) -> State:
    """Return a function that reads guest, state and QR text of every ticket."""
    query = select(
        generated_tickets.c.guest_id, generated_tickets.c.state, generated_tickets.c.qr_code_data
    ).order_by(generated_tickets.c.id)

    def read() -> list[tuple[int, str, str]]:
        with database.transaction() as connection:
            return [tuple(row) for row in connection.execute(query)]

    return read


@pytest.fixture
def apply_plan(
    *, database: Database, event: Event, keys: KeyRing, new_job: NewJob, now: datetime
) -> Callable[..., ticket_reissue.ReissueResult]:
    """Return a function that applies a plan as an operator, by default in a new batch."""

    def apply(plan_hash: str, **options: object) -> ticket_reissue.ReissueResult:
        usual = {"keys": keys, "at": now, "by": "siti", "reason": "list was leaked"}
        given = usual | {"job_id": options.pop("job_id", None) or new_job(event)} | options
        return apply_reissue(database, event, plan_hash=plan_hash, **given)  # type: ignore[arg-type]  # any option

    return apply


ApplyPlan = Callable[..., ticket_reissue.ReissueResult]


def test_a_plan_counts_tickets_to_revoke_and_changes_nothing(
    database: Database, event: Event, guest_ids: list[int], state: State
) -> None:
    before = state()

    plan = plan_reissue(database, event)

    assert (plan.tickets, plan.delivered) == (len(guest_ids), 2)
    assert plan_reissue(database, event) == plan
    assert state() == before


def test_a_plan_for_some_guests_is_another_plan(
    database: Database, event: Event, guest_ids: list[int]
) -> None:
    plan = plan_reissue(database, event, guest_ids=guest_ids[1:3])

    assert (plan.tickets, plan.delivered) == (2, 1)
    assert plan.plan_hash != plan_reissue(database, event).plan_hash


def test_applying_revokes_the_old_and_issues_the_new(
    database: Database, event: Event, guest_ids: list[int], state: State, apply_plan: ApplyPlan
) -> None:
    before = state()

    result = apply_plan(plan_reissue(database, event).plan_hash)

    after = state()
    assert (result.reissued, result.failures) == (5, ())
    assert after[:5] == [(guest, "revoked", qr) for guest, _, qr in before]
    assert [row[:2] for row in after[5:]] == [(guest_id, "live") for guest_id in guest_ids]
    assert len({qr for _, _, qr in after}) == 10
    old = verify_ticket(database, before[0][2], at=event.starts_at)
    assert old.reason == "revoked: list was leaked"
    assert verify_ticket(database, after[5][2], at=event.starts_at).is_valid


def test_only_the_requested_guests_get_a_new_ticket(
    database: Database, event: Event, guest_ids: list[int], state: State, apply_plan: ApplyPlan
) -> None:
    chosen = guest_ids[3:4]
    plan = plan_reissue(database, event, guest_ids=chosen)

    apply_plan(plan.plan_hash, guest_ids=chosen)

    assert [row[0] for row in state() if row[1] == "revoked"] == chosen


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE generated_tickets SET delivered_at = now() WHERE delivered_at IS NULL",
        "UPDATE generated_tickets SET state = 'revoked', revoked_at = now()",
        "UPDATE entitlements SET hold_reason = 'unpaid' WHERE guest_id = 1",
    ],
)
@pytest.mark.usefixtures("guest_ids")
def test_an_outdated_plan_is_refused_and_nothing_changes(
    database: Database, event: Event, state: State, apply_plan: ApplyPlan, statement: str
) -> None:
    plan = plan_reissue(database, event)
    with database.transaction() as connection:
        connection.execute(text(statement))
    before = state()

    with pytest.raises(PlanOutdated, match="plan again"):
        apply_plan(plan.plan_hash)

    assert state() == before


@pytest.mark.usefixtures("guest_ids")
def test_a_plan_cannot_be_applied_twice(
    database: Database, event: Event, apply_plan: ApplyPlan
) -> None:
    plan = plan_reissue(database, event)
    apply_plan(plan.plan_hash)

    with pytest.raises(PlanOutdated):
        apply_plan(plan.plan_hash)


@pytest.mark.usefixtures("guest_ids")
def test_an_interrupted_reissue_continues_in_the_same_batch(
    *,
    database: Database,
    event: Event,
    state: State,
    apply_plan: ApplyPlan,
    job_id: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plan = plan_reissue(database, event)
    draws: list[int] = []
    monkeypatch.setattr(ticket_reissue, "CHUNK", 2)

    def power_cut(length: int) -> bytes:
        draws.append(length)
        if len(draws) == 2:
            raise SystemExit
        return bytes(range(len(draws), len(draws) + length))

    with pytest.raises(SystemExit):
        apply_plan(plan.plan_hash, job_id=job_id, randomness=power_cut)
    halfway = [row[1] for row in state()]
    result = apply_plan(plan.plan_hash, job_id=job_id)

    assert halfway == ["revoked"] * 2 + ["live"] * 5
    assert result.reissued == 3
    assert [row[1] for row in state()] == ["revoked"] * 5 + ["live"] * 5


@pytest.mark.usefixtures("fresh_database_url")
def test_a_guest_whose_new_ticket_fails_keeps_the_old_one(
    database: Database, event: Event, guest_ids: list[int], state: State, apply_plan: ApplyPlan
) -> None:
    plan = plan_reissue(database, event)
    with database.transaction() as connection:
        connection.execute(
            text(
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                f" IF NEW.guest_id = {guest_ids[3]} THEN RAISE 'not this one'; END IF;"
                " RETURN NEW; END $$;"
                "CREATE TRIGGER refuse BEFORE INSERT ON generated_tickets"
                " FOR EACH ROW EXECUTE FUNCTION refuse();"
            )
        )

    result = apply_plan(plan.plan_hash)

    assert [failure.guest_id for failure in result.failures] == [guest_ids[3]]
    assert sorted(row[0] for row in state() if row[1] == "live") == guest_ids
    assert [row[0] for row in state() if row[1] == "revoked"] == [
        guest for guest in guest_ids if guest != guest_ids[3]
    ]


def test_guests_on_hold_or_withdrawn_get_no_new_ticket(
    *,
    database: Database,
    event: Event,
    guest_ids: list[int],
) -> None:
    with database.transaction() as connection:
        for guest_id, change in zip(
            guest_ids[:2], [{"state": "withdrawn"}, {"hold_reason": "unpaid"}], strict=True
        ):
            connection.execute(
                update(entitlements).where(entitlements.c.guest_id == guest_id).values(**change)
            )

    assert plan_reissue(database, event).tickets == 3


@pytest.mark.usefixtures("guest_ids")
def test_a_reissue_is_counted_and_audited(
    database: Database, event: Event, apply_plan: ApplyPlan, new_job: NewJob
) -> None:
    plan = plan_reissue(database, event)
    job_id = new_job(event)

    apply_plan(plan.plan_hash, job_id=job_id)

    with database.transaction() as connection:
        batch = batch_queries.find_by_id(connection, job_id)
        audit_entry = connection.execute(
            select(audit_log.c.actor, audit_log.c["items"], audit_log.c.details).where(
                audit_log.c.action == "tickets.reissue"
            )
        ).one()
    assert batch is not None
    assert (batch.total_count, batch.created_count, batch.failed_count) == (5, 5, 0)
    assert audit_entry == (
        "siti",
        5,
        {"job_id": job_id, "delivered": 2, "used": 0, "plan_hash": plan.plan_hash},
    )
