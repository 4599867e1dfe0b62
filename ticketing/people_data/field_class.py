"""Classes of fields about people, which are kept for different times."""

from enum import StrEnum


class FieldClass(StrEnum):
    """A class of fields; the value is its name in commands and in the database."""

    CONTACTS = "contacts"
    NAMES = "names"
    EXTRA_COLUMNS = "extra-columns"
    MESSAGES = "messages"
    REJECTED_ROWS = "rejected-rows"
    NOTIFICATIONS = "notifications"

    @property
    def description(self) -> str:
        """Return what the class covers, for people."""
        return _DESCRIPTIONS[self]

    @property
    def suggested_days(self) -> int:
        """Return a period to begin with; it is applied only once somebody sets it."""
        return _SUGGESTED_DAYS[self]


PERSONAL = (FieldClass.CONTACTS, FieldClass.NAMES, FieldClass.EXTRA_COLUMNS)  # of one person's rows
_DESCRIPTIONS = {
    FieldClass.CONTACTS: "e-mail addresses, phone numbers, network addresses",
    FieldClass.NAMES: "names and external ids",
    FieldClass.EXTRA_COLUMNS: "kept columns of rosters, answers of guests",
    FieldClass.MESSAGES: "parameters and errors of messages",
    FieldClass.REJECTED_ROWS: "rejected rows, warnings and results of imports, and their files",
    FieldClass.NOTIFICATIONS: "notifications of the gateway, except ids, states and amounts",
}
_SUGGESTED_DAYS = {
    FieldClass.CONTACTS: 365,
    FieldClass.NAMES: 730,
    FieldClass.EXTRA_COLUMNS: 90,
    FieldClass.MESSAGES: 90,
    FieldClass.REJECTED_ROWS: 30,
    FieldClass.NOTIFICATIONS: 180,
}
