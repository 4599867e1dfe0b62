"""What of an event can be had as a sheet for a spreadsheet."""

from enum import StrEnum


class ExportKind(StrEnum):
    """One sheet; it goes under this name."""

    TICKETS = "tickets"
    MISSING = "missing"
    ORDERS = "orders"
    DELIVERIES = "deliveries"
    VOUCHERS = "vouchers"

    def file_name(self, slug: str) -> str:
        """The file's name."""
        return f"{slug}-{self}.csv"
