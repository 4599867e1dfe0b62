"""Tests of database notifications to workers and of detecting a running worker."""

import time

import pytest
from sqlalchemy import text

from tests.plugins.waiting import ASK_EVERY_SECONDS, PATIENCE_SECONDS
from ticketing.platform.db import notify
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import Unavailable

SOON, NEVER = 5.0, 0.2
END_ALL_OTHERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


def test_a_notification_is_received_when_its_transaction_commits(database: Database) -> None:
    with notify.listen(database) as ours:
        with database.transaction() as connection:
            notify.notify_workers(connection)
            heard_before = ours.wait(NEVER)

        assert not heard_before
        assert ours.wait(SOON)
        assert not ours.wait(NEVER)


def test_a_notification_that_was_rolled_back_is_not_received(database: Database) -> None:
    with notify.listen(database) as ours:
        with database.transaction() as connection:
            notify.notify_workers(connection)
            connection.rollback()

        assert not ours.wait(NEVER)


def test_a_listening_worker_is_detected_until_it_stops(database: Database) -> None:
    before = database.run(notify.is_worker_running)
    with notify.listen(database):
        meanwhile = database.run(notify.is_worker_running)
    # the server ends a session, and releases its lock, some moments after its connection
    deadline = time.monotonic() + PATIENCE_SECONDS
    while database.run(notify.is_worker_running) and time.monotonic() < deadline:
        time.sleep(ASK_EVERY_SECONDS)
    after = database.run(notify.is_worker_running)

    assert (before, meanwhile, after) == (False, True, False)


def test_a_listener_that_is_no_worker_is_not_detected(database: Database) -> None:
    with notify.listen(database, as_worker=False), database.transaction() as connection:
        assert not notify.is_worker_running(connection)


def test_a_closed_connection_is_unavailable(database: Database) -> None:
    with notify.listen(database) as ours:
        with database.transaction() as connection:
            connection.execute(text(END_ALL_OTHERS))

        with pytest.raises(Unavailable, match="closed the connection"):
            ours.wait(SOON)


def test_an_unreachable_server_is_unavailable() -> None:
    nowhere = Database.from_url("postgresql://nobody@127.0.0.1:1/nothing")

    with pytest.raises(Unavailable, match="cannot be reached"), notify.listen(nowhere):
        pass
