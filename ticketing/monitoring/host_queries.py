"""Queries for the hosts of an installation, and what each has to share with the others."""

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from ticketing.platform.db.columns import columns_of
from ticketing.platform.db.tables.backups import hosts


@dataclass(frozen=True, slots=True)
class Host:
    """A host as it was at the last start of a program there.

    Hosts with one database must have the same secret, documents and schema.
    """

    name: str
    secret_fingerprint: str
    documents_id: str  # of a file in the documents folder
    schema_revision: str  # that its program expects
    seen_at: datetime


_COLUMNS = columns_of(Host, hosts)


def record_host(connection: Connection, host: Host) -> None:
    """Store what a host has now."""
    values = asdict(host)
    statement = insert(hosts).values(values)
    connection.execute(statement.on_conflict_do_update(index_elements=[hosts.c.name], set_=values))


def list_hosts(connection: Connection, *, seen_after: datetime) -> list[Host]:
    """Return the hosts that were seen lately, by name."""
    query = select(*_COLUMNS).where(hosts.c.seen_at > seen_after).order_by(hosts.c.name)
    return [Host(**row) for row in connection.execute(query).mappings()]
