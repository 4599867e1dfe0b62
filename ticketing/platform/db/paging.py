"""Read long lists page by page, each page in its own transaction."""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import TypeVar

from sqlalchemy import Connection

from ticketing.platform.db.database import Database

T = TypeVar("T")
FetchPage = Callable[[Connection, int], Sequence[T]]  # returns the rows after a key, in its order


def iter_pages(
    database: Database, fetch_page: FetchPage[T], key: Callable[[T], int]
) -> Iterator[Sequence[T]]:
    """Yield pages until one is empty; no transaction is open while the caller works."""
    last_key = 0
    while True:
        with database.transaction() as connection:
            page = fetch_page(connection, last_key)
        if not page:
            return
        yield page
        last_key = key(page[-1])


def iter_rows(database: Database, fetch_page: FetchPage[T], key: Callable[[T], int]) -> Iterator[T]:
    """Yield the rows of all pages."""
    return chain.from_iterable(iter_pages(database, fetch_page, key))


def iter_ids(database: Database, fetch_page: FetchPage[int]) -> Iterator[int]:
    """Yield the ids of all pages."""
    return iter_rows(database, fetch_page, int)
