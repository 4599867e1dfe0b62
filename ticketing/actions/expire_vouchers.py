"""Vouchers whose time is over are to come off their routers.

How long one is valid is counted here; a router counts only the time that somebody is online.
"""

from datetime import datetime

from sqlalchemy import ColumnElement

from ticketing.store import audit, voucher_life
from ticketing.store.database import Database
from ticketing.store.voucher_life import EXPIRED

CHUNK = 500


def expire_vouchers(database: Database, *, at: datetime, by: str, chunk: int = CHUNK) -> int:
    """End every voucher that is out of its time; safe to repeat, to run twice at once, to kill."""
    over = voucher_life.out_of_time(at=at)
    return end_all(database, over, why=EXPIRED, action="vouchers.expire", at=at, by=by, chunk=chunk)


def end_all(
    database: Database,
    condition: ColumnElement[bool],
    *,
    why: str,
    action: str,
    at: datetime,
    by: str,
    chunk: int = CHUNK,
) -> int:
    """End vouchers chunk by chunk, with a line in the audit log each; gives how many."""
    so_far = 0
    while True:
        with database.transaction() as connection:
            ended = voucher_life.end(connection, condition, why=why, at=at, limit=chunk)
            if not ended:
                return so_far
            audit.record(connection, actor=by, action=action, items=ended)
        so_far += ended
