"""Payment attempts that may still change, so that the gateway has to be asked about them."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, or_, select

from ticketing.domain.payments import AttemptState
from ticketing.store.schema_sales import payment_attempts

# the gateway has begun these and must end them, however long it takes
_UNDER_WAY = (
    AttemptState.PENDING,
    AttemptState.CHALLENGE,
    AttemptState.AUTHORIZED,
    AttemptState.CAPTURED,
)
# these may still become something while a page of theirs could be open, or money be on its way
_OVER_SOON = (
    AttemptState.CREATED,
    AttemptState.DENIED,
    AttemptState.FAILED,
    AttemptState.EXPIRED,
    AttemptState.CANCELLED,
)
_SOON = timedelta(days=2)  # a page ends with the hour of its order
# a bank may take settled money back within minutes, and the notice of it may be lost like any other
_REVERSED_WITHIN = timedelta(hours=3)


def attempt_keys(
    connection: Connection, *, at: datetime, after: int, limit: int
) -> list[tuple[int, str]]:
    """The next of them, by number: number and key."""
    state, created_at = payment_attempts.c.state, payment_attempts.c.created_at
    young = state.in_(_OVER_SOON) & (created_at > at - _SOON)
    reversible = (state == AttemptState.SETTLED) & (created_at > at - _REVERSED_WITHIN)
    query = (
        select(payment_attempts.c.id, payment_attempts.c.key)
        .where(
            payment_attempts.c.id > after,
            or_(state.in_(_UNDER_WAY), young, reversible),
        )
        .order_by(payment_attempts.c.id)
        .limit(limit)
    )
    return [(number, key) for number, key in connection.execute(query)]
