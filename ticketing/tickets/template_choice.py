"""Which template a request names: by folder name, or by a number that never changes."""

from dataclasses import dataclass
from operator import attrgetter

from ticketing.documents.templates import TemplateFolders
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import TemplateBroken
from ticketing.tickets import template_queries
from ticketing.tickets.template_queries import EVENT_TEMPLATE_NUMBER


@dataclass(frozen=True, slots=True)
class NumberedTemplate:
    """A template that exists, and its number."""

    number: int
    name: str


def list_templates(database: Database, folders: TemplateFolders) -> list[NumberedTemplate]:
    """Return all templates by number; a template seen for the first time gets the next one."""
    names = sorted(folders.ids(), key=lambda name: (not folders.is_builtin(name), name))
    numbers = database.run(template_queries.assign_numbers, names)
    found = [NumberedTemplate(number, name) for name, number in numbers.items()]
    return sorted(found, key=attrgetter("number"))


def chosen_template(
    database: Database, folders: TemplateFolders, reference: int | str | None
) -> str | None:
    """Return the name of the template that a request refers to, None for the event's own.

    Raises TemplateBroken for an unknown number; a name is not looked up.
    """
    if reference is None or reference == EVENT_TEMPLATE_NUMBER:
        return None
    if isinstance(reference, str):
        return reference
    templates = list_templates(database, folders)
    name = next((each.name for each in templates if each.number == reference), None)
    if name is None:
        known = ", ".join(f"{each.number} {each.name}" for each in templates)
        raise TemplateBroken(
            f"no template has the number {reference} (known: {known};"
            f" {EVENT_TEMPLATE_NUMBER} is the event's own); GET /api/templates lists them"
        )
    return name
