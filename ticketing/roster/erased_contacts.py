"""Contacts of people whose data were erased: keyed hashes, which an import compares its rows with.

A hash is an HMAC under the master secret. Whoever has the database alone cannot find out a contact
by trying all phone numbers.
"""

from collections.abc import Iterator, Mapping

from ticketing.crypto.keyring import KeyRing
from ticketing.roster.model import CellWarning, RosterEntry, RosterField

ERASED_REASON = "the data of this person were erased on request"


class ErasedContacts:
    """Hashes contacts and external ids under the master secret."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys

    def hash_contact(self, contact: str) -> bytes:
        """Return the hash of an e-mail address or a number in E.164 form."""
        return self._keys.erased_contact_digest(contact.lower())

    def hash_external_id(self, event_id: int, external_id: str) -> bytes:
        """Return the hash of an external id, which means a person within an event only."""
        return self._keys.erased_contact_digest(f"{event_id} {external_id}")

    def hash_student(self, source: str, external_id: str) -> bytes:
        """Return the hash of a student of a billing system."""
        return self._keys.erased_contact_digest(f"student {source} {external_id}")


class ErasedRowCheck:
    """Compares the rows of one import with the erased contacts."""

    def __init__(
        self, hasher: ErasedContacts | None, event_id: int, known: Mapping[bytes, bool]
    ) -> None:
        self._hasher, self._event_id, self._known = hasher, event_id, known
        self.is_needed = hasher is not None and bool(known)
        self.opted_out: set[str] = set()  # contacts in the rows that said STOP before

    def warnings(self, entry: RosterEntry) -> Iterator[CellWarning]:
        """Yield a warning per field of the row that belongs to somebody erased."""
        if self._hasher is None:
            return
        for field, value in (
            (RosterField.EMAIL, entry.email),
            (RosterField.PHONE, entry.phone),
            (RosterField.EXTERNAL_ID, entry.external_id),
        ):
            if value and self._is_erased(self._hasher, field, value):
                yield CellWarning(field, value, ERASED_REASON)

    def _is_erased(self, hasher: ErasedContacts, field: RosterField, value: str) -> bool:
        if field is RosterField.EXTERNAL_ID:
            return hasher.hash_external_id(self._event_id, value) in self._known
        said_stop = self._known.get(hasher.hash_contact(value))
        if said_stop:
            self.opted_out.add(value.lower())
        return said_stop is not None
