"""The payment environment: recorded on each order, and known to every connection.

A connection is opened with the environment of its program, and the database records it on an order
when the order is inserted, so that no way of placing one can leave it out.
"""

from typing import Literal

from sqlalchemy import URL, ColumnClause, ColumnElement, Text, literal_column

from ticketing.platform.db.tables.orders import PAYMENT_ENVIRONMENT, orders

PaymentEnvironment = Literal["simulator", "sandbox", "production"]
CURRENT_ENVIRONMENT: ColumnClause[str] = literal_column(PAYMENT_ENVIRONMENT.text, Text)
PRODUCTION: PaymentEnvironment = "production"
_PRODUCTION: ColumnClause[str] = literal_column(f"'{PRODUCTION}'", Text)


def connection_options(url: URL, environment: PaymentEnvironment) -> str:
    """Return PostgreSQL's options for a connection, after those of the URL."""
    given = url.query.get("options", ())
    options = (given,) if isinstance(given, str) else given
    return " ".join((*options, f"-c ticketing.payment_environment={environment}"))


def is_rehearsal() -> ColumnElement[bool]:
    """Return the condition: no real money can pay the order."""
    return orders.c.environment != _PRODUCTION


def is_production() -> ColumnElement[bool]:
    """Return the condition: the connection belongs to a program that receives real money."""
    return CURRENT_ENVIRONMENT == _PRODUCTION


def is_of_this_environment() -> ColumnElement[bool]:
    """Return the condition: the order was placed in the environment of the connection.

    Reports of money have it, so that those of production never contain a rehearsal.
    """
    return orders.c.environment == CURRENT_ENVIRONMENT
