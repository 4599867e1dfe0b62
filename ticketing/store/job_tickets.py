"""The tickets of one job: whose they are, how many are printed, and why others are not."""

from sqlalchemy import Connection, func, select

from ticketing.store.schema import generated_tickets, ticket_generation_logs


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


def failures(connection: Connection, job_id: int, *, most: int = 5) -> list[tuple[str, int]]:
    """Why a job's tickets failed, and how many for each reason: the most frequent ones."""
    query = (
        select(ticket_generation_logs.c.message, func.count().label("times"))
        .where(
            ticket_generation_logs.c.job_id == job_id, ticket_generation_logs.c.status == "failed"
        )
        .group_by(ticket_generation_logs.c.message)
        .order_by(func.count().desc(), ticket_generation_logs.c.message)
        .limit(most)
    )
    return [(message, times) for message, times in connection.execute(query)]
