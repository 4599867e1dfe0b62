"""The tickets of one job: whose they are, and how many are printed."""

from sqlalchemy import Connection, func, select

from ticketing.store.schema import generated_tickets


def printed(connection: Connection, job_id: int) -> int:
    """How many tickets that the job issued have a PDF."""
    query = select(func.count()).where(
        generated_tickets.c.job_id == job_id, generated_tickets.c.generated_at.is_not(None)
    )
    return connection.execute(query).scalar_one()


def guests(connection: Connection, job_id: int) -> list[int]:
    """The people whose tickets the job issued, each once."""
    query = (
        select(generated_tickets.c.guest_id)
        .where(generated_tickets.c.job_id == job_id)
        .order_by(generated_tickets.c.guest_id)
        .distinct()
    )
    return list(connection.execute(query).scalars())
