"""Erase one person: plan what would be erased, then apply the plan by its hash.

Everything is one transaction. Files are deleted before it commits: after a kill nothing else has
changed, and the same command deletes and erases again. Once it has committed, the plan's hash is
stored and the same command does nothing more.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from ticketing.crypto.keyring import KeyRing
from ticketing.documents.file_store import DocumentFolder
from ticketing.people_data import (
    erase_queries,
    find_person_queries,
    obstacle_queries,
    records_queries,
    scrub_queries,
    student_queries,
)
from ticketing.people_data.export_person import identify
from ticketing.people_data.find_person import find_person
from ticketing.people_data.person import Person
from ticketing.people_data.records_queries import RecordSet
from ticketing.people_data.scrub import contact_pattern, name_pattern
from ticketing.people_data.stored_files import CopyFolders, delete_files
from ticketing.platform.application import Application
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.change_plan import digest, plan_outdated
from ticketing.platform.kernel.errors import Conflict
from ticketing.roster import erased_contact_queries, import_queries
from ticketing.roster.erased_contacts import ErasedContacts
from ticketing.tickets.issuing import ticket_write_queries
from ticketing.tickets.rendering import retention_queries

ERASE_ACTION = "people.erase"
REASON = "erased on request"
_PATIENCE_SECONDS = 10.0
# read or written meanwhile without a change of what is erased
_NOT_COMPARED = frozenset({"audit_log", "incidents", "idempotency_keys"})


class ErasureRefused(Conflict):
    """The person cannot be erased now; the message says why, and the way out of each reason."""


@dataclass(frozen=True, slots=True)
class ErasurePlan:
    """What erasing a person would do; `plan_hash` identifies it, `obstacles` prevent it."""

    counts: Mapping[str, int]  # rows by table
    obstacles: Sequence[str]
    live_tickets: int  # to be revoked
    files: Sequence[Path]
    unsearched: Sequence[Path]  # workbooks, to be looked at by people
    plan_hash: str


@dataclass(frozen=True, slots=True)
class ErasureResult:
    """Rows erased by table; `repeated` if an earlier call had erased them."""

    counts: Mapping[str, int]
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class PersonEraser:
    """Erases people from the database and from the folders."""

    database: Database
    keys: KeyRing
    documents: DocumentFolder
    copies: CopyFolders
    all_matches: bool = field(default=False, kw_only=True)
    revoke_tickets: bool = field(default=False, kw_only=True)

    @classmethod
    def of(
        cls, application: Application, *, all_matches: bool, revoke_tickets: bool
    ) -> "PersonEraser":
        """Return the eraser for the database and the folders of an application."""
        return cls(
            application.database,
            application.get(KeyRing),
            application.get(DocumentFolder),
            CopyFolders.of(application.settings),
            all_matches=all_matches,
            revoke_tickets=revoke_tickets,
        )

    @property
    def flags(self) -> str:
        """Return the options of the command that the plan depends on."""
        revoke = " --revoke-tickets" if self.revoke_tickets else ""
        return revoke + (" --all-matches" if self.all_matches else "")

    def plan(self, texts: Sequence[str], *, at: datetime) -> ErasurePlan:
        """Return what would be erased. Raises UnknownPerson and AmbiguousPerson."""
        with self.database.snapshot() as connection:
            person = find_person(connection, texts, all_matches=self.all_matches)
            return self._plan(connection, person, at=at)

    def apply(
        self, texts: Sequence[str], plan_hash: str, *, at: datetime, by: str
    ) -> ErasureResult:
        """Erase the person as planned; safe to kill, and to repeat.

        Raises ErasureRefused, and PlanOutdated if other rows would be erased than planned.
        """
        with self.database.transaction() as connection:
            done = erase_queries.find_erasure(connection, plan_hash)
            if done is not None:
                return ErasureResult(done, repeated=True)
            person = find_person(connection, texts, all_matches=self.all_matches)
            self._lock(connection, person)
            plan = self._plan(connection, person, at=at)
            if plan.plan_hash != plan_hash:
                rows = sum(plan.counts.values())
                raise plan_outdated("the person", f"{rows:,} rows would be erased")
            if "students" in plan.counts and student_queries.is_sync_running(connection):
                raise ErasureRefused(
                    "a sync of payment records is running; wait, or cancel it with"
                    " `ticketing sync-payments --cancel`", obstacles=1,
                )  # fmt: skip
            if plan.obstacles:
                raise ErasureRefused("; ".join(plan.obstacles), obstacles=len(plan.obstacles))
            self._erase(connection, person, plan, at=at, by=by)
            return ErasureResult(plan.counts)

    def _plan(self, connection: Connection, person: Person, *, at: datetime) -> ErasurePlan:
        found = list(student_queries.list_students(connection, person))
        counts = records_queries.count_records(connection, person)
        counts |= student_queries.count_rows(connection, found)
        compared = {name: count for name, count in counts.items() if name not in _NOT_COMPARED}
        live = obstacle_queries.list_live_tickets(connection, person, at=at)
        # the plan's hash is stored: a plain hash of a phone number could be found out by trying
        contacts = sorted(map(ErasedContacts(self.keys).hash_contact, person.contacts))
        facts = [identify(person), contacts, compared, self.revoke_tickets]
        return ErasurePlan(
            counts=counts,
            obstacles=obstacle_queries.list_obstacles(
                connection, person, revoke_tickets=self.revoke_tickets, at=at
            ),
            live_tickets=len(live),
            files=self.copies.find(contact_pattern(person.contacts | person.former)),
            unsearched=self.copies.list_unsearched(),
            plan_hash=digest(["people.erase", facts]),
        )

    @staticmethod
    def _lock(connection: Connection, person: Person) -> None:
        """Keep imports and sales away until the erasure is committed."""
        for event_id in obstacle_queries.list_events(connection, person):
            import_queries.acquire_import_lock(
                connection, event_id, patience_seconds=_PATIENCE_SECONDS
            )
        obstacle_queries.lock_records(connection, person)

    def _erase(
        self, connection: Connection, person: Person, plan: ErasurePlan, *, at: datetime, by: str
    ) -> None:
        contacts = person.contacts | person.former
        pattern = contact_pattern(contacts)
        names = name_pattern(find_person_queries.list_names(connection, person))
        event_ids = obstacle_queries.list_events(connection, person)
        self._revoke(connection, person, at=at)
        sets = [
            erase_queries.freeze(connection, each)
            for each in records_queries.list_record_sets(person)
        ]
        erasure_id = erase_queries.record_erasure(
            connection, person, plan_hash=plan.plan_hash, counts=dict(plan.counts), by=by
        )
        found = student_queries.list_students(connection, person)
        self._remember(connection, person, erasure_id, found.values())
        student_queries.delete_students(connection, list(found))
        both = "|".join(filter(None, (pattern, names)))
        for records in sets:
            self._delete_documents(connection, records, at=at)
            erase_queries.erase_rows(connection, records, at=at)
            scrub_queries.scrub_own_rows(connection, records, both)
        scrub_queries.scrub_import_results(connection, event_ids, both)
        scrub_queries.scrub_everywhere(connection, pattern)
        delete_files(plan.files)
        audit_log.record(
            connection, by, ERASE_ACTION, items=sum(plan.counts.values()),
            details=identify(person) | {"plan_hash": plan.plan_hash},
        )  # fmt: skip

    def _remember(
        self,
        connection: Connection,
        person: Person,
        erasure_id: int,
        known_students: Iterable[tuple[str, str]],
    ) -> None:
        """Store keyed hashes: imports that bring a contact back warn, syncs skip the students."""
        erased = ErasedContacts(self.keys)
        opted_out = erase_queries.list_opted_out(connection, person)
        hashes = {erased.hash_contact(one): one in opted_out for one in person.contacts | opted_out}
        hashes |= {
            erased.hash_external_id(event_id, external): False
            for event_id, external in erase_queries.list_external_ids(connection, person)
        }
        hashes |= {erased.hash_student(*student): False for student in known_students}
        erased_contact_queries.insert_hashes(connection, erasure_id, hashes)

    def _revoke(self, connection: Connection, person: Person, *, at: datetime) -> None:
        """Revoke the tickets for events to come, and let none be issued; the places stay."""
        live = obstacle_queries.list_live_tickets(connection, person, at=at)
        obstacle_queries.hold_places(connection, person, reason=REASON, at=at)
        ticket_write_queries.mark_revoked(connection, live, reason=REASON, at=at)

    def _delete_documents(
        self, connection: Connection, records: RecordSet, *, at: datetime
    ) -> None:
        found = erase_queries.list_documents(connection, records)
        for _, path in found:
            self.documents.delete(path)
        retention_queries.mark_removed(connection, [number for number, _ in found], at=at)
