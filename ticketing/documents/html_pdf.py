"""Documents of several pages as PDF, from HTML templates; tickets are in `renderer.py`."""

import functools
from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from ticketing.documents.emoji import leave_out_emoji
from ticketing.documents.fonts import installed_fonts
from ticketing.platform.kernel.text import to_printable


def to_drawable(value: object) -> object:
    """Return a text without characters that would be printed as a box; other values unchanged.

    Emoji are left out as on the ticket; of other characters the code point is printed.
    """
    if not isinstance(value, str) or (value.isascii() and value.isprintable()):
        return value
    fonts = installed_fonts()
    text = leave_out_emoji(to_printable(value), fonts.undrawable)
    for character in fonts.undrawable(text):
        text = text.replace(character, f"[U+{ord(character):04X}]")
    return text


@functools.cache
def _template(file: Path) -> Template:
    environment = Environment(
        loader=FileSystemLoader(file.parent), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, finalize=to_drawable,
    )  # fmt: skip
    return environment.get_template(file.name)


def render_html_pdf(template: Path, style: Path, context: Mapping[str, object]) -> bytes:
    """Return the template, filled with the context, as PDF."""
    import weasyprint  # noqa: PLC0415 - takes a second, and most processes write no document

    document = weasyprint.HTML(string=_template(template).render(context), base_url=template.parent)
    pdf: bytes = document.write_pdf(stylesheets=[weasyprint.CSS(filename=str(style))])
    return pdf
