"""The names of the CSV exports of an event."""

from enum import StrEnum


class ExportKind(StrEnum):
    """An export, named as in commands, settings and file names."""

    TICKETS = "tickets"
    MISSING = "missing"
    ORDERS = "orders"
    DELIVERIES = "deliveries"
    VOUCHERS = "vouchers"

    def file_name(self, slug: str) -> str:
        """Return the file name of the export for an event."""
        return f"{slug}-{self}.csv"
