"""SQL conditions that several query modules use."""

from datetime import datetime

from sqlalchemy import ColumnElement, and_

from ticketing.platform.kernel.time_span import TimeSpan


def is_within(column: ColumnElement[datetime], span: TimeSpan) -> ColumnElement[bool]:
    """Return the condition that a timestamp lies in a span, without its end."""
    return and_(column >= span.begins_at, column < span.ends_at)
