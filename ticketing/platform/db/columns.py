"""The columns that tables are made of, each kind said once."""

from sqlalchemy import BigInteger, Column, DateTime, ForeignKey, Identity, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB


def identity() -> Column[int]:
    """The row's own number, given by the database."""
    return Column("id", BigInteger, Identity(always=True), primary_key=True)


def reference(name: str, target: str, *, nullable: bool = False) -> Column[int]:
    """The number of a row of another table: `orders.id`."""
    return Column(name, BigInteger, ForeignKey(target), nullable=nullable)


def instant(name: str, *, nullable: bool = False) -> Column[object]:
    """A moment, in UTC."""
    return Column(name, DateTime(timezone=True), nullable=nullable)


def written_at(name: str) -> Column[object]:
    """The moment of the transaction that made the row."""
    return Column(name, DateTime(timezone=True), nullable=False, server_default=func.now())


def words(name: str, default: str | None = None, *, nullable: bool = False) -> Column[str]:
    """A text of any length."""
    return Column(name, Text, nullable=nullable, server_default=default)


def amount(name: str) -> Column[int]:
    """A whole number that begins at zero: rupiah, places, rows."""
    return Column(name, BigInteger, nullable=False, server_default="0")


def document(name: str) -> Column[object]:
    """A JSON object, empty at first."""
    return Column(name, JSONB, nullable=False, server_default=text("'{}'::jsonb"))


def _event(*, nullable: bool = False) -> Column[int]:
    return Column("event_id", BigInteger, ForeignKey("events.id"), nullable=nullable)


def _same_event() -> Column[int]:
    """The event of a row whose other columns prove it, or that nobody outside of us can name.

    A foreign key is looked up for every row: those to an event cost a large import a third.
    """
    return Column("event_id", BigInteger, nullable=False)
