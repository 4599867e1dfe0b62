"""Work in the rows of a table, each claimed by one process at a time.

A claim is committed before the work begins, since the work calls vendors outside of a transaction.
It ends when the outcome is written, when its time is over, or when its holder's process has died:
so nothing waits longer than seconds for a process that was killed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Row,
    Select,
    Table,
    Update,
    and_,
    case,
    func,
    or_,
    update,
)

from ticketing.platform.db.lease_holder import holder_number, is_abandoned

_NOTHING: Mapping[str, object] = {}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WorkQueue:
    """The columns of a table by which its rows are claimed.

    A row without a holder whose `claimed_until` lies ahead is postponed: nobody has it.
    """

    table: Table
    is_open: ColumnElement[bool]  # the work is not done yet, nor given up
    lease: timedelta  # longer than the work may take
    claimed_until: Column[Any]
    claimed_by: Column[Any]
    attempt_count: Column[Any] | None = None  # counts this attempt from the claim on

    def is_free(self, at: datetime) -> ColumnElement[bool]:
        """Return whether a row is neither postponed nor claimed by a living process."""
        return or_(
            self.claimed_until.is_(None), self.claimed_until <= at, is_abandoned(self.claimed_by)
        )

    def is_claimable(self, at: datetime) -> ColumnElement[bool]:
        """Return whether a row is open and free."""
        return and_(self.is_open, self.is_free(at))

    def free_since(self, otherwise: ColumnElement[Any]) -> ColumnElement[Any]:
        """Return since when a free row has been free; `otherwise` if it was never postponed."""
        return case(
            (is_abandoned(self.claimed_by), otherwise),
            else_=func.coalesce(self.claimed_until, otherwise),
        )

    @property
    def unclaimed(self) -> dict[str, None]:
        """Return the values that end a claim."""
        return {self.claimed_until.name: None, self.claimed_by.name: None}

    def claim(
        self,
        connection: Connection,
        due: Select[Any],
        *columns: ColumnElement[Any],
        at: datetime,
        values: Mapping[str, object] = _NOTHING,
    ) -> Sequence[Row[Any]]:
        """Claim the rows whose ids `due` selects; return their id and these columns, by id.

        Rows that others are claiming at the same moment are skipped. `values` are set with it.
        """
        chosen = due.with_for_update(of=self.table, skip_locked=True).cte("due")
        claimed = self._set_claim(connection, at, values).where(self.table.c.id == chosen.c.id)
        rows = connection.execute(claimed.returning(self.table.c.id, *columns))
        return sorted(rows, key=lambda row: row[0])

    def claim_row(
        self, connection: Connection, row_id: int, *columns: ColumnElement[Any], at: datetime
    ) -> Row[Any] | None:
        """Claim one row if it is claimable; return these columns of it, else None."""
        claimed = self._set_claim(connection, at, _NOTHING).where(
            self.table.c.id == row_id, self.is_claimable(at)
        )
        return connection.execute(claimed.returning(*columns)).one_or_none()

    def end_claim(
        self,
        connection: Connection,
        row_id: int,
        values: Mapping[str, object] = _NOTHING,
        *,
        until: datetime | None = None,
    ) -> bool:
        """Write the outcome of an attempt; return False when the row is not open any more.

        With `until` nobody claims the row before then.
        """
        ended = (
            update(self.table)
            .where(self.table.c.id == row_id, self.is_open)
            .values(self.unclaimed | {self.claimed_until.name: until} | dict(values))
        )
        return connection.execute(ended).rowcount == 1

    def _set_claim(
        self, connection: Connection, at: datetime, values: Mapping[str, object]
    ) -> Update:
        claim = {
            self.claimed_until.name: at + self.lease,
            self.claimed_by.name: holder_number(connection),
        }
        if self.attempt_count is not None:
            claim[self.attempt_count.name] = self.attempt_count + 1
        return update(self.table).values(claim | dict(values))
