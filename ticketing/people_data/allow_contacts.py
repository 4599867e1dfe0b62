"""Forget that contacts were erased, when the person has agreed to be stored again."""

from collections.abc import Sequence

from ticketing.crypto.keyring import KeyRing
from ticketing.people_data import find_person_queries
from ticketing.people_data.person import IdentifierKind, parse_identifier
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database
from ticketing.roster import erased_contact_queries
from ticketing.roster.erased_contacts import ErasedContacts

_CONTACTS = frozenset({IdentifierKind.EMAIL, IdentifierKind.PHONE})


def allow_contacts(database: Database, keys: KeyRing, texts: Sequence[str], *, by: str) -> int:
    """Let imports bring back the people of these contacts; return their contacts and ids."""
    hasher = ErasedContacts(keys)
    with database.transaction() as connection:
        regions = find_person_queries.list_regions(connection)
        readings = [one for text in texts for one in parse_identifier(text, regions)]
        hashes = [hasher.hash_contact(one.value) for one in readings if one.kind in _CONTACTS]
        number = erased_contact_queries.delete_hashes(connection, hashes)
        audit_log.record(connection, by, "people.allow", items=number)
    return number
