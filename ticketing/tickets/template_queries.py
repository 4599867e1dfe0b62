"""Numbers of ticket templates, for API clients that send numbers; a number never changes."""

from collections.abc import Sequence

from sqlalchemy import Connection, func, insert, select, text

from ticketing.platform.db.tables.tickets import ticket_templates

EVENT_TEMPLATE_NUMBER = 1  # stands for the template of the event; older clients always send it


def list_numbers(connection: Connection) -> dict[str, int]:
    """Return the numbers of all templates that ever had one, by name."""
    query = select(ticket_templates.c.name, ticket_templates.c.number)
    return {row.name: row.number for row in connection.execute(query)}


def assign_numbers(connection: Connection, names: Sequence[str]) -> dict[str, int]:
    """Return the numbers of these templates, in their order; new ones get the next numbers."""
    known = list_numbers(connection)
    if not known.keys() >= set(names):
        # two processes that meet the same new template must not both take the next number
        connection.execute(text("LOCK TABLE ticket_templates IN SHARE ROW EXCLUSIVE MODE"))
        known = list_numbers(connection)
        new = [name for name in names if name not in known]
        last = connection.execute(select(func.max(ticket_templates.c.number))).scalar()
        for number, name in enumerate(new, (last or EVENT_TEMPLATE_NUMBER) + 1):
            connection.execute(insert(ticket_templates).values(number=number, name=name))
            known[name] = number
    return {name: known[name] for name in names}
