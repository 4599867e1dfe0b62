import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from pathlib import Path

import pypdfium2
import pytest
from pypdf import PdfReader

from ticketing.documents.pdf_inspection import qr_text_of
from ticketing.documents.renderer import Renderer
from ticketing.documents.template_context import SAMPLE_TICKET
from ticketing.documents.templates import BUILTIN_TEMPLATES, TemplateFolders
from ticketing.platform.kernel.errors import TemplateBroken, TextDoesNotFit

PAGE = "<!doctype html><html lang='{{ languageTag }}'><body>{{ fullName }}{{ qr }}</body></html>"
STYLE = "@page { size: 100mm 100mm; margin: 10mm }\nbody { font-family: Noto Sans }\n"
STYLE += ".qr { width: 50mm; display: block }\n"


class OwnTemplate:
    """Operator's template folder with one template, `mine`."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "mine"
        self.folder.mkdir(parents=True)
        self.write(page=PAGE, style=STYLE)
        self.renderer = Renderer(TemplateFolders(root))

    def write(self, *, page: str | None = None, style: str | None = None) -> None:
        if page is not None:
            (self.folder / "ticket.html.j2").write_text(page)
        if style is not None:
            (self.folder / "ticket.css").write_text(style)


@pytest.fixture
def own_template(tmp_path: Path) -> OwnTemplate:
    return OwnTemplate(tmp_path)


@pytest.fixture
def network_requests() -> list[str]:
    return []


@pytest.fixture
def picture_server(network_requests: list[str]):  # type: ignore[no-untyped-def]  # noqa: ANN201
    class Pictures(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            network_requests.append(self.path)
            self.send_response(404)
            self.end_headers()

    server = HTTPServer(("127.0.0.1", 0), Pictures)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_ours_can_be_chosen_by_id() -> None:
    templates = TemplateFolders()

    assert templates.ids() == ["classic", "plain"]
    assert templates.get("plain").folder == BUILTIN_TEMPLATES / "plain"


def test_an_operator_adds_a_template_as_a_folder(own_template: OwnTemplate) -> None:
    pdf = own_template.renderer.render(SAMPLE_TICKET, "mine")

    assert pdf.startswith(b"%PDF-")
    assert TemplateFolders(own_template.folder.parent).ids() == ["classic", "mine", "plain"]


def test_the_operators_template_takes_precedence_over_ours_of_the_same_id(
    own_template: OwnTemplate,
) -> None:
    own_template.folder.rename(own_template.folder.parent / "classic")

    found = TemplateFolders(own_template.folder.parent).get("classic")

    assert found.folder.parent == own_template.folder.parent


@pytest.mark.parametrize("unknown", ["nobody", "../classic", "", "a/b", ".", "CLASSIC"])
def test_an_unknown_template_is_refused_and_the_known_ones_named(unknown: str) -> None:
    with pytest.raises(TemplateBroken, match="known: classic, plain"):
        TemplateFolders().get(unknown)


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ("<p>\n{{ fullName }\n</p>", r"ticket\.html\.j2:2"),
        ("<p>\n\n{% if seat %}\n</p>", r"ticket\.html\.j2:4: .*endif"),
        ("<p>\n{{ fulName }}", r"ticket\.html\.j2:2: 'fulName' is undefined"),
        ("<p>\n{{ seat.nothing.more }}", r"ticket\.html\.j2:2: .*has no attribute 'nothing'"),
        ("{% include 'absent.j2' %}", r"ticket\.html\.j2:1: TemplateNotFound: .*absent\.j2"),
        ("{{ 1 // 0 }}", r"ticket\.html\.j2:1: .*zero"),
        ("{{ fullName|nosuchfilter }}", r"ticket\.html\.j2:1: .*nosuchfilter"),
        ("<p {{ fit('nobody', width=1, height=1, largest=9) }}>", "no field 'nobody'"),
        ("<p {{ fit('seat', wide=1) }}>", r"ticket\.html\.j2:1: .*wide"),
        ("{{ ''.__class__.__mro__ }}", r"ticket\.html\.j2:1: .*unsafe"),
        ("<img src='absent.png'>", r"ticket\.html\.j2: Failed to load image .*absent\.png"),
        ("<p style='colr: red'>", r"ticket\.html\.j2: Ignored `colr: ?red` at 1:1"),
        ("<p style='break-after: page'>a</p><p>b</p>", "takes 2 pages"),
    ],
)
def test_a_broken_page_names_file_line_and_reason(
    own_template: OwnTemplate, page: str, message: str
) -> None:
    own_template.write(page=page)

    with pytest.raises(TemplateBroken, match=f"(?s)template 'mine'.*{message}"):
        own_template.renderer.check_template("mine")


@pytest.mark.parametrize(
    ("style", "message"),
    [
        ("body {\n  colour: red\n}", "ticket.css: Ignored `colour: red ?` at 2:3"),
        ("@import url(absent.css);", "ticket.css: Failed to load stylesheet"),
        ("p:nosuch { color: red }", "ticket.css: Invalid or unsupported selector"),
        ("@font-face { font-family: X; src: url(x.woff) }", "ticket.css: .*X.*cannot be loaded"),
    ],
)
def test_a_broken_stylesheet_names_file_line_and_reason(
    own_template: OwnTemplate, style: str, message: str
) -> None:
    own_template.write(style=style)

    with pytest.raises(TemplateBroken, match=message):
        own_template.renderer.check_template("mine")


def test_an_error_in_an_included_file_names_that_file(own_template: OwnTemplate) -> None:
    (own_template.folder / "part.j2").write_text("\n\n{{ nobody }}")
    own_template.write(page="{% include 'part.j2' %}")

    with pytest.raises(TemplateBroken, match=r"part\.j2:3: 'nobody' is undefined"):
        own_template.renderer.check_template("mine")


def test_nothing_is_fetched_from_the_network(
    own_template: OwnTemplate, picture_server: str, network_requests: list[str]
) -> None:
    own_template.write(page=f"<img src='{picture_server}/logo.png'>")

    with pytest.raises(TemplateBroken, match="may not use the network"):
        own_template.renderer.check_template("mine")

    assert network_requests == []


@pytest.mark.parametrize("file", ["/etc/hostname", "../secret.svg", "link.svg"])
def test_no_file_outside_of_the_templates_folder_is_read(
    own_template: OwnTemplate, file: str
) -> None:
    (own_template.folder.parent / "secret.svg").write_text(
        "<svg xmlns='http://www.w3.org/2000/svg'/>"
    )
    (own_template.folder / "link.svg").symlink_to(own_template.folder.parent / "secret.svg")
    own_template.write(page=f"<img src='{file}'>")

    with pytest.raises(TemplateBroken, match="own folder"):
        own_template.renderer.check_template("mine")


def test_a_name_with_markup_is_printed_as_it_is_written(own_template: OwnTemplate) -> None:
    own_template.write(page="<p>{{ fullName }}")
    ticket = replace(SAMPLE_TICKET, full_name="<img src=x> & 'Budi'")

    pdf = own_template.renderer.render(ticket, "mine")

    assert PdfReader(BytesIO(pdf)).pages[0].extract_text() == "<img src=x> & 'Budi'"


@pytest.mark.parametrize(
    "drawing",
    [
        pytest.param('<rect width="9" height="9" fill="#c00"/>', id="plain"),
        pytest.param('<rect width="9" height="9" fill="#c00" opacity=".5"/>', id="transparent"),
        pytest.param('<rect width="9" height="9" fill="rgb(9 9 200 / 40%)"/>', id="see-through"),
        pytest.param(
            '<linearGradient id="g"><stop stop-color="#00f"/><stop offset="1" stop-color="#f00"/>'
            '</linearGradient><rect width="9" height="9" fill="url(#g)"/>',
            id="gradient",
        ),
        pytest.param('<text y="8" font-size="8">A</text>', id="text"),
    ],
)
def test_a_picture_looks_the_same_on_every_ticket(own_template: OwnTemplate, drawing: str) -> None:
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10">{drawing}</svg>'
    (own_template.folder / "logo.svg").write_text(svg)
    own_template.write(page="<img src=logo.svg style=width:40px>{{ fullName }}")
    own_template.renderer.render(SAMPLE_TICKET, "mine")
    seen = [
        pypdfium2.PdfDocument(own_template.renderer.render(SAMPLE_TICKET, "mine")) for _ in range(3)
    ]

    pictures = [document[0].render(scale=2).to_numpy() for document in seen]

    alone = Renderer(TemplateFolders(own_template.folder.parent)).render(SAMPLE_TICKET, "mine")
    expected = pypdfium2.PdfDocument(alone)[0].render(scale=2).to_numpy()
    assert [(picture == expected).all() for picture in pictures] == [True] * 3
    assert (expected[:200, :200] != expected[-1, -1]).any()


def test_the_qr_code_can_also_be_used_as_an_address(own_template: OwnTemplate) -> None:
    own_template.write(
        page=PAGE.replace("{{ qr }}", '<img class="qr" src="{{ qrCodeUrl }}" alt="">')
    )

    assert qr_text_of(own_template.renderer.render(SAMPLE_TICKET, "mine")) == SAMPLE_TICKET.qr_text


def test_the_layout_decides_whether_a_text_fits(own_template: OwnTemplate) -> None:
    place = "fit('fullName', width=60, height=7, largest=15, smallest=6)"
    own_template.write(
        page=f"<div style='letter-spacing: 4pt'><div {{{{ {place} }}}}>{{{{ fullName }}}}"
    )

    document = pypdfium2.PdfDocument(own_template.renderer.render(SAMPLE_TICKET, "mine"))

    texts = document[0].get_textpage()
    left, bottom, right, top = (mm * 72 / 25.4 for mm in (10, 83, 70, 90))
    inside = texts.get_text_bounded(left, bottom, right, top)
    assert "".join(inside.split()) == "AyuKusumaningtyas"
    document.close()


def test_a_text_without_a_place_may_not_leave_the_page(own_template: OwnTemplate) -> None:
    own_template.write(page="<div style='white-space: nowrap'>{{ fullName }}")
    endless = replace(SAMPLE_TICKET, full_name="Wolfeschlegelsteinhausenbergerdorff " * 3)

    with pytest.raises(TextDoesNotFit, match=r"outside of fit\(\)"):
        own_template.renderer.render(endless, "mine")


@pytest.mark.parametrize("change", [{"page": PAGE + "!"}, {"style": STYLE + "p { color: red }"}])
def test_an_edited_template_is_used_at_once(
    own_template: OwnTemplate, change: dict[str, str]
) -> None:
    before = own_template.renderer.document_key(SAMPLE_TICKET, "mine")
    own_template.renderer.render(SAMPLE_TICKET, "mine")

    own_template.write(**change)

    assert own_template.renderer.document_key(SAMPLE_TICKET, "mine") != before
    assert own_template.renderer.render(SAMPLE_TICKET, "mine")


def test_a_template_corrected_after_a_refusal_works(own_template: OwnTemplate) -> None:
    own_template.write(page="{{ nobody }}")
    with pytest.raises(TemplateBroken):
        own_template.renderer.check_template("mine")

    own_template.write(page=PAGE)

    assert own_template.renderer.render(SAMPLE_TICKET, "mine")


def test_only_this_template_changes_when_it_is_edited(own_template: OwnTemplate) -> None:
    before = own_template.renderer.document_key(SAMPLE_TICKET, "classic")

    own_template.write(page=PAGE + "!")

    assert own_template.renderer.document_key(SAMPLE_TICKET, "classic") == before


def test_kept_columns_of_the_roster_are_variables(own_template: OwnTemplate) -> None:
    own_template.write(
        page="<html lang='id'><body><p {{ fit('extra.faculty', width=60, height=10, largest=12) }}>"
        "{{ extra.faculty }}</p>/{{ extra.items }}/{{ qr }}</body></html>"
    )
    ticket = replace(SAMPLE_TICKET, extra={"faculty": "Teknik Sipil"})

    texts = [
        PdfReader(BytesIO(own_template.renderer.render(one, "mine"))).pages[0].extract_text()
        for one in (ticket, SAMPLE_TICKET)
    ]

    assert ["Teknik Sipil" in text for text in texts] == [True, False]
    assert all("//" in text for text in texts)  # an unknown column is empty, whatever its name


def test_a_changed_kept_column_makes_a_document_stale(own_template: OwnTemplate) -> None:
    faculties = ({}, {"faculty": "Teknik"}, {"faculty": "Hukum"})

    keys = {
        own_template.renderer.document_key(replace(SAMPLE_TICKET, extra=extra), "mine")
        for extra in faculties
    }

    assert len(keys) == len(faculties)
