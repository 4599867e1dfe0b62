"""The proof that a template makes tickets that work: a sample is read back as an entrance would.

The QR code is decoded from the picture of the page, so that a code that is missing, hidden, covered
or too small is found before there are tickets.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from jinja2 import Environment, nodes

from ticketing.documents.bleed_location import PrintPage, find_bleed_location
from ticketing.documents.pdf_inspection import draws_outside_page, qr_text_of, text_of
from ticketing.documents.template_context import EXTRA_PREFIX
from ticketing.documents.templates import TEMPLATE_FILE, TicketTemplate
from ticketing.platform.kernel.errors import TemplateBroken

PROOF_DPI = (100, 300)  # a phone's screen, and a printer
QR_VARIABLES = ("qr", "qrCodeUrl")
CODE_VARIABLES = ("ticketCode",)
NAME_VARIABLES = ("fullName", "firstName", "lastName")


def prove_sample(
    template: TicketTemplate,
    pdf: bytes,
    texts: dict[str, str],
    qr_text: str,
    print_page: PrintPage,
) -> None:
    """Raise TemplateBroken, with file, line and every reason, unless the sample can be used.

    `texts` are the variables of the sample, `qr_text` is the content of its QR code; `print_page`
    prints it again with a changed page.
    """
    flaws = list(_find_flaws(template, pdf, texts, qr_text))
    if draws_outside_page(pdf):
        reason = "something is drawn outside of the page: move it, or hide its overflow"
        flaws.append(f"{find_bleed_location(template, print_page)}: {reason}")
    if flaws:
        raise TemplateBroken(f"template {template.id!r}, {'; '.join(flaws)}")


def _find_flaws(
    template: TicketTemplate, pdf: bytes, texts: dict[str, str], qr_text: str
) -> Iterator[str]:
    unread = [dpi for dpi in PROOF_DPI if qr_text_of(pdf, dpi=dpi) != qr_text]
    if unread:
        resolutions = " and ".join(map(str, unread))
        reason = (
            f"no scanner reads the QR code at {resolutions} dpi: show {{{{ qr }}}} at 45 mm or"
            " more, black on white, with nothing over it"
        )
        yield f"{_location(template, QR_VARIABLES)}: {reason}"
    printed = _letters(text_of(pdf))
    if _letters(texts["ticketCode"]) not in printed:
        reason = f"the ticket code {texts['ticketCode']} is not in the text of the page"
        yield f"{_location(template, CODE_VARIABLES)}: {reason}: print {{{{ ticketCode }}}}"
    if not all(word in printed for word in map(_letters, texts["fullName"].split())):
        reason = f"the name {texts['fullName']} is not in the text of the page"
        yield f"{_location(template, NAME_VARIABLES)}: {reason}: print {{{{ fullName }}}}"


def _letters(text: str) -> str:
    """Return a text without blanks, hyphens and case, which a layout may change."""
    return re.sub(r"[\W_]", "", text).casefold()


def fit_location(template: TicketTemplate, field: object) -> str:
    """Return file and line of the box of a field; only the file for a text outside of boxes."""
    if not field:
        return TEMPLATE_FILE
    for page, parsed in _parsed_pages(template):
        for call in parsed.find_all(nodes.Call):
            if any(isinstance(each, nodes.Const) and each.value == field for each in call.args):
                return f"{page.name}:{call.lineno}"
    return TEMPLATE_FILE


def field_location(template: TicketTemplate, field: str) -> str:
    """Return file and line of the first use of a variable; only the file if there is none."""
    name = field.removeprefix(EXTRA_PREFIX)
    for page, parsed in _parsed_pages(template):
        used = [
            node.lineno
            for node in parsed.find_all((nodes.Name, nodes.Getattr, nodes.Getitem))
            if name in {getattr(node, "name", None), getattr(node, "attr", None), _key_of(node)}
        ]
        if used:
            return f"{page.name}:{min(used)}"
    return TEMPLATE_FILE


def _key_of(node: nodes.Node) -> object:
    key = getattr(node, "arg", None)
    return key.value if isinstance(key, nodes.Const) else None


def _location(template: TicketTemplate, variables: tuple[str, ...]) -> str:
    """Return file and line of the first use of one of the variables, or that there is none."""
    for page, parsed in _parsed_pages(template):
        used = [name.lineno for name in parsed.find_all(nodes.Name) if name.name in variables]
        if used:
            return f"{page.name}:{min(used)}"
    return f"{TEMPLATE_FILE} does not use {' or '.join(variables)}"


def _parsed_pages(template: TicketTemplate) -> Iterator[tuple[Path, nodes.Template]]:
    for page in sorted(template.folder.glob("*.j2"), key=lambda page: page.name != TEMPLATE_FILE):
        yield page, Environment(autoescape=True).parse(page.read_text(encoding="utf-8"))
