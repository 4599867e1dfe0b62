"""Measure orders per second for one contested ticket type, by locking method.

    python -m benchmarks.stock_locking

Each buyer uses its own thread and connection: reserve one place, write one line, commit.
"""

import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import URL, Connection, create_engine, text

from ticketing.platform.db.embedded.server import EmbeddedServer

BUYERS = 8
ORDERS = 1200
ROUNDS = 3
SCHEMA = (
    "CREATE TABLE kinds (id int PRIMARY KEY, capacity int, pending int NOT NULL)",
    "CREATE TABLE lines (kind int REFERENCES kinds, quantity int)",
)


def conditional(connection: Connection) -> bool:
    """Reserve a place with one conditional UPDATE."""
    query = "UPDATE kinds SET pending = pending + 1 WHERE id = 1 AND pending < capacity"
    return connection.execute(text(query)).rowcount == 1


def lock_then_write(connection: Connection) -> bool:
    """Lock the row, check it, then update it."""
    row = connection.execute(
        text("SELECT pending, capacity FROM kinds WHERE id = 1 FOR NO KEY UPDATE")
    ).one()
    is_free: bool = row.pending < row.capacity
    if is_free:
        connection.execute(text("UPDATE kinds SET pending = pending + 1 WHERE id = 1"))
    return is_free


def orders_a_second(url: URL, hold: Callable[[Connection], bool]) -> float:
    """Return orders per second; half of the requested places exist."""
    engine = create_engine(url, pool_size=BUYERS)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE IF EXISTS lines, kinds"))
        for statement in SCHEMA:
            connection.execute(text(statement))
        half = {"half": ORDERS // 2}
        connection.execute(text("INSERT INTO kinds VALUES (1, :half, 0)"), half)

    def buy(_: int) -> bool:
        with engine.begin() as connection:
            held = hold(connection)
            if held:
                connection.execute(text("INSERT INTO lines VALUES (1, 1)"))
            return held

    with ThreadPoolExecutor(BUYERS) as pool:
        list(pool.map(buy, range(BUYERS)))  # opens the connections
        begun = time.perf_counter()
        sold = sum(pool.map(buy, range(ORDERS - BUYERS)))
        seconds = time.perf_counter() - begun
    engine.dispose()
    assert sold + BUYERS == ORDERS // 2
    return ORDERS / seconds


def main() -> None:
    """Print the median for each method."""
    with TemporaryDirectory() as name:
        Path(name).chmod(0o711)
        with EmbeddedServer(Path(name)) as server:
            for hold in (conditional, lock_then_write):
                rates = [orders_a_second(server.url(), hold) for _ in range(ROUNDS)]
                print(f"{hold.__name__}: {statistics.median(rates):.0f} orders per second")


if __name__ == "__main__":
    main()
