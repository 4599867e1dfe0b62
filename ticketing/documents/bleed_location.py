"""Find the element of a template that is drawn outside of the page, by hiding one at a time.

Only a template that is refused pays for it: one render of 30 ms for each of its elements.
"""

import re
from collections.abc import Callable
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from jinja2.lexer import TOKEN_DATA

from ticketing.documents.pdf_inspection import draws_outside_page
from ticketing.documents.template_html import TicketHtmlTemplate
from ticketing.documents.templates import TEMPLATE_FILE, TicketTemplate
from ticketing.platform.kernel.errors import TicketingError

_ATTRIBUTE = "data-line"
_START_TAG = re.compile(r"<[a-zA-Z][\w-]*(?=[\s/>]|$)")

PrintPage = Callable[[TicketHtmlTemplate, str], bytes]
"""Prints the sample with this page and this HTML behind it; raises TicketingError."""


def find_bleed_location(template: TicketTemplate, print_page: PrintPage) -> str:
    """Return file and line of the innermost element that draws outside of the page.

    Returns the file alone if no single element does, as with a picture behind the whole page.
    """
    loader = _LineLoader(template.folder)
    try:
        page = TicketHtmlTemplate(template, loader)
        print_page(page, "")  # loads the included files, too
        for location in reversed(loader.locations):  # elements come after those around them
            rule = f'[{_ATTRIBUTE}="{location}"] {{ visibility: hidden !important }}'
            if not draws_outside_page(print_page(page, f"<style>{rule}</style>")):
                return location
    except TicketingError:
        pass  # the attributes get in the way of this template
    return TEMPLATE_FILE


class _LineLoader(FileSystemLoader):
    """Loads pages whose elements carry file and line of their start tag as an attribute."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.locations: list[str] = []

    def get_source(
        self, environment: Environment, template: str
    ) -> tuple[str, str, Callable[[], bool]]:
        source, path, is_current = super().get_source(environment, template)
        tokens = list(Environment(autoescape=True).lex(source))
        annotated = "".join(
            self._annotate(text, f"{template}:{{}}", line) if kind == TOKEN_DATA else text
            for line, kind, text in tokens
        )
        return annotated, path, is_current

    def _annotate(self, html: str, location: str, first_line: int) -> str:
        def add_attribute(tag: re.Match[str]) -> str:
            here = location.format(first_line + html.count("\n", 0, tag.start()))
            if here not in self.locations:
                self.locations.append(here)
            return f'{tag.group()} {_ATTRIBUTE}="{here}"'

        return _START_TAG.sub(add_attribute, html)
