"""The columns that tables are made of, each kind said once."""

from sqlalchemy import BigInteger, Column, DateTime, ForeignKey, Identity, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB


def id_column() -> Column[int]:
    """The row's own number, given by the database."""
    return Column("id", BigInteger, Identity(always=True), primary_key=True)


def foreign_key_column(name: str, target: str, *, nullable: bool = False) -> Column[int]:
    """The number of a row of another table: `orders.id`."""
    return Column(name, BigInteger, ForeignKey(target), nullable=nullable)


def primary_foreign_key_column(name: str, target: str) -> Column[int]:
    """Return a foreign key that is the primary key or a part of it."""
    return Column(name, BigInteger, ForeignKey(target), primary_key=True)


def optional_bigint_column(name: str) -> Column[int]:
    """Return a whole number or NULL."""
    return Column(name, BigInteger, nullable=True)


def timestamp_column(name: str, *, nullable: bool = False) -> Column[object]:
    """A moment, in UTC."""
    return Column(name, DateTime(timezone=True), nullable=nullable)


def created_at_column(name: str) -> Column[object]:
    """The moment of the transaction that made the row."""
    return Column(name, DateTime(timezone=True), nullable=False, server_default=func.now())


def text_column(name: str, default: str | None = None, *, nullable: bool = False) -> Column[str]:
    """A text of any length."""
    return Column(name, Text, nullable=nullable, server_default=default)


def bigint_column(name: str) -> Column[int]:
    """A whole number that begins at zero: rupiah, places, rows."""
    return Column(name, BigInteger, nullable=False, server_default="0")


def jsonb_column(name: str) -> Column[object]:
    """A JSON object, empty at first."""
    return Column(name, JSONB, nullable=False, server_default=text("'{}'::jsonb"))


def event_id_column(*, nullable: bool = False) -> Column[int]:
    """Return a foreign key to the event."""
    return Column("event_id", BigInteger, ForeignKey("events.id"), nullable=nullable)


def unconstrained_event_id_column() -> Column[int]:
    """The event of a row whose other columns prove it, or that nobody outside of us can name.

    A foreign key is looked up for every row: those to an event cost a large import a third.
    """
    return Column("event_id", BigInteger, nullable=False)
