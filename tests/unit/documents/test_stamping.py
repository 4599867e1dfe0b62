"""What is stamped, what is refused and how the author learns of it, and what happens then."""

import re
import threading
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from ticketing.documents.pdf_inspection import same_picture
from ticketing.documents.qr import QrCode
from ticketing.documents.renderer import Renderer, stamping_problem
from ticketing.documents.stamping.qr_stream import QrStreams
from ticketing.documents.template_context import SAMPLE_TICKET
from ticketing.documents.template_renderer import TemplateRenderer
from ticketing.documents.templates import TemplateFolders
from ticketing.documents.ticket_data import PrintedTicket

KEY = "0" * 32
STYLE = "@page { size: 120mm 160mm; margin: 8mm } body { font: 10pt Noto Sans } div { width: 90mm }"
NAME = '<div {{ fit("fullName", width=90, height=20, largest=20) }}>{{ fullName }}</div>\n'
REST = "<div style='height: 8mm'>{{ ticketCode }}</div>\n{{ qr }}"
STYLE += " .qr { width: 50mm; height: 50mm; display: block } .up { text-transform: uppercase }"

Open = Callable[..., TemplateRenderer]


@pytest.fixture
def open_template(tmp_path: Path) -> Open:
    """Return a function that opens a template with this page and style."""

    def opened(page: str, style: str = "") -> TemplateRenderer:
        folder = tmp_path / "mine"
        folder.mkdir()
        (folder / "ticket.html.j2").write_text(page)
        (folder / "ticket.css").write_text(STYLE + style)
        return Renderer(TemplateFolders(tmp_path)).open("mine")

    return opened


@pytest.fixture(scope="module")
def classic() -> TemplateRenderer:
    return Renderer(TemplateFolders()).open("classic")


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        (f"\n<div>{{{{ fullName | upper }}}}</div>{REST}", r"j2:2: fullName is passed through a f"),
        (f"{NAME}{{% if seat == 'A-12' %}}x{{% endif %}}{REST}", r"j2:2: seat is compared"),
        (f"{NAME}<div>{{{{ seat[:2] }}}}</div>{REST}", r"j2:2: seat is cut"),
        (f"{NAME}<div class=up>{{{{ seat }}}}</div>{REST}", r"j2:2: seat is changed by a f"),
        (f"{NAME}<div>{{{{ seat }}}} is yours</div>{REST}", r"j2:2: other content stands after s"),
        (f"{NAME}<div title='{{{{ seat }}}}'>x</div>{REST}", r"j2:2: seat is hidden"),
        (f"{NAME}<p style='width: 20mm'>{{{{ email }}}}</p>{REST}", r"j2:2: email moves what is"),
        (f"{NAME}<u>{{{{ email }}}}</u>{REST}", r"j2:2: text-decoration-line changes email"),
        (f"{NAME}<div style='opacity: .5'>{{{{ email }}}}</div>{REST}", r"j2:2: email is hidden"),
        (f"{NAME}<div>{{{{ fullName }}}}{{{{ seat | safe }}}}</div>{REST}", "unescaped text"),
        ],
    ids=["filter", "comparison", "slice", "upper case", "text after", "attribute", "wraps",
         "underline", "transparent", "unescaped"],
)  # fmt: skip
def test_a_template_that_cannot_be_stamped_is_rendered_in_full_and_says_why(
    open_template: Open, page: str, reason: str
) -> None:
    template = open_template(page)

    assert re.search(reason, template.stamping_refusal or "")
    assert template.render(SAMPLE_TICKET).in_full


EXTRA = (
    NAME + "{% if seat %}<div style='height: 9mm; text-align: right'>{{ seat }}</div>{% endif %}"
    "<div style='height: 6mm'>NIM {{ extra.nim }}</div><div style='height: 6mm'>{{ firstName }}"
    "</div><p style='width: 90mm; height: 9mm'>{{ extra.faculty or 'none' }}</p>" + REST
)
TICKETS = [
    SAMPLE_TICKET,
    replace(SAMPLE_TICKET, extra={"nim": "21/478123", "faculty": "Teknik"}, full_name="W" * 60),
    replace(SAMPLE_TICKET, extra={"faculty": "学号 7"}, seat="", is_test=True, locale="en_GB"),
    replace(SAMPLE_TICKET, event_name="A & B <i>", venue="", first_name="", email=""),
]


@pytest.mark.parametrize("ticket", TICKETS, ids=["sample", "columns", "test", "little"])
def test_columns_conditions_and_the_banner_of_a_test_are_stamped(
    open_template: Open, ticket: PrintedTicket
) -> None:
    template = open_template(EXTRA)

    stamped = template.render(ticket)

    assert not stamped.in_full
    assert same_picture(stamped.content, template.render_in_full(ticket, KEY))


def test_a_text_that_moves_the_text_before_it_is_rendered_in_full(open_template: Open) -> None:
    template = open_template(EXTRA)
    taller = replace(SAMPLE_TICKET, extra={"nim": "学号"})  # its font makes the line higher

    assert template.render(taller).in_full
    assert not template.render(SAMPLE_TICKET).in_full


@pytest.mark.parametrize(
    ("locale", "name"),
    [("ar_EG", "محمد عبد الرحمن"), ("he_IL", "Ayu Kusumaningtyas"), ("th_TH", "王小明")],
)
def test_every_direction_of_writing_is_stamped(
    classic: TemplateRenderer, locale: str, name: str
) -> None:
    ticket = replace(SAMPLE_TICKET, locale=locale, full_name=name)

    assert same_picture(classic.render(ticket).content, classic.render_in_full(ticket, KEY))


def test_a_text_that_overflows_is_made_smaller_as_in_a_full_render(open_template: Open) -> None:
    narrow = NAME.replace("width=90", 'width=90, face="Noto Sans Condensed"')
    wide = "div { font-family: Noto Serif; font-weight: 900; letter-spacing: 1.5pt }"
    template = open_template(narrow + REST, wide)
    ticket = replace(SAMPLE_TICKET, full_name="Raden Ajeng Siti Nurhaliza Wijayakusuma " * 2)

    stamped = template.render(ticket)

    assert not stamped.in_full
    assert same_picture(stamped.content, template.render_in_full(ticket, KEY))


def test_tickets_have_the_same_bytes_whatever_was_stamped_before(classic: TemplateRenderer) -> None:
    names = ["Ayu Lestari", "राजेश कुमार", "राजेश कुमार श्रीवास्तव " * 3, "Kusumaningtyas Wijaya Afifah"]
    tickets = [replace(SAMPLE_TICKET, full_name=name) for name in names]
    first = [classic.render(ticket).content for ticket in tickets]
    fresh = TemplateRenderer(classic.template)

    again = [fresh.render(ticket).content for ticket in reversed(tickets)]

    assert again[::-1] == first


def test_the_digest_and_the_size_are_those_of_the_file(classic: TemplateRenderer) -> None:
    rendered = classic.render(SAMPLE_TICKET)

    assert rendered.sha256 == sha256(rendered.content).hexdigest()
    assert rendered.size == len(rendered.content)


def test_codes_from_tables_are_those_of_the_library() -> None:
    texts = [f"TC1{number:0128X}" + "A" * (number % 3) for number in range(7**60, 7**60 + 150)]
    streams, tables = QrStreams(), QrStreams()
    tables.prepare(texts * 3)  # so many that they are made from tables

    made = [(streams.stream(text), tables.stream(text)) for text in texts[:60]]

    expected = [" ".join(f"{x} {y} {w} 1 re" for x, y, w in QrCode(t).runs) for t in texts[:60]]
    assert [(one.split(), other.split()) for one, other in made] == [
        (f"{path} f".encode().split(),) * 2 for path in expected
    ]
    assert all(one == other for one, other in made)


def test_threads_may_share_a_template(classic: TemplateRenderer) -> None:
    tickets = [
        replace(SAMPLE_TICKET, full_name=f"Ayu {'abcdefghij'[n % 10] * (n % 7)} Lestari {n}")
        for n in range(40)
    ]
    found: dict[int, bytes] = {}

    def render(start: int) -> None:
        found.update((n, classic.render(tickets[n]).content) for n in range(start, 40, 2))

    threads = [threading.Thread(target=render, args=(start,)) for start in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [found[n] for n in range(40)] == [classic.render(each).content for each in tickets]


def test_a_changed_engine_turns_stamping_off(
    monkeypatch: pytest.MonkeyPatch, classic: TemplateRenderer
) -> None:
    assert stamping_problem() is None

    def gone(*_: object) -> None:
        raise AttributeError("split_first_line")

    monkeypatch.setattr("ticketing.documents.stamping.weasyprint_access.PagePainter.shape", gone)
    template = TemplateRenderer(classic.template)
    stamped = template.render(SAMPLE_TICKET)

    assert stamped.in_full
    assert "AttributeError" in (template.stamping_refusal or "")
    assert template.document_key(SAMPLE_TICKET) != classic.document_key(SAMPLE_TICKET)


def test_an_error_while_stamping_one_ticket_leads_to_a_full_render(
    monkeypatch: pytest.MonkeyPatch, classic: TemplateRenderer
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("ticketing.documents.stamping.stamper.write_tail", fail)

    assert classic.render(SAMPLE_TICKET).in_full
