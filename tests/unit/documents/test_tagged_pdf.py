"""Tests of tagged PDF: a template asks for it, and its tickets are rendered in full."""

from io import BytesIO
from pathlib import Path

import pytest
from pypdf import PdfReader

from ticketing.documents.pdf_options import PdfOptions
from ticketing.documents.template_context import SAMPLE_TICKET
from ticketing.documents.template_renderer import TemplateRenderer
from ticketing.documents.templates import TemplateFolders
from ticketing.platform.kernel.errors import TemplateBroken

PAGE = """<!doctype html><html lang="{{ languageTag }}"><head>
<meta name="pdf-variant" content="pdf/ua-1">
</head><body><h1>{{ fullName }}</h1>{{ qr }}</body></html>"""
STYLE = "@page { size: 100mm 160mm; margin: 10mm } .qr { width: 50mm; display: block }"


@pytest.fixture
def tagged(tmp_path: Path) -> TemplateRenderer:
    """Return the renderer of a template that asks for PDF/UA."""
    (tmp_path / "tagged").mkdir()
    (tmp_path / "tagged" / "ticket.html.j2").write_text(PAGE, encoding="utf-8")
    (tmp_path / "tagged" / "ticket.css").write_text(STYLE, encoding="utf-8")
    return TemplateRenderer(TemplateFolders(tmp_path).get("tagged"))


def test_a_tagged_ticket_says_title_language_headings_and_what_its_pictures_are(
    tagged: TemplateRenderer,
) -> None:
    rendered = tagged.render(SAMPLE_TICKET)

    pdf = PdfReader(BytesIO(rendered.content))
    root = pdf.trailer["/Root"]
    metadata = root["/Metadata"].get_object().get_data()
    assert (rendered.in_full, root["/MarkInfo"]["/Marked"], root["/Lang"]) == (True, True, "id-ID")
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert pdf.metadata
    assert SAMPLE_TICKET.full_name in (pdf.metadata.title or "")
    assert pdf.metadata.author == SAMPLE_TICKET.event_name
    assert b"pdfuaid:part" in metadata
    assert {("/H1", None), ("/Figure", "QR")} <= set(_elements(root["/StructTreeRoot"]["/K"]))


def test_a_tagged_ticket_has_the_same_bytes_each_time(tagged: TemplateRenderer) -> None:
    again = TemplateRenderer(tagged.template)

    assert tagged.render(SAMPLE_TICKET).content == again.render(SAMPLE_TICKET).content


def test_the_author_is_told_why_tickets_are_not_stamped(tagged: TemplateRenderer) -> None:
    assert "pdf-variant" in (tagged.stamping_refusal or "")


def test_an_unknown_variant_is_refused_with_its_line_and_the_known_ones() -> None:
    with pytest.raises(TemplateBroken, match=r"j2:2: pdf-variant is 'pdf/x-9', .*pdf/ua-1"):
        PdfOptions.parse('<html>\n<meta content="pdf/x-9" name="pdf-variant">')


def _elements(node: object) -> list[tuple[object, object]]:
    element = getattr(node, "get_object", lambda: node)()
    if isinstance(element, list):
        return [found for each in element for found in _elements(each)]
    if not isinstance(element, dict):
        return []
    below = _elements(element.get("/K"))
    return [(element["/S"], element.get("/Alt")), *below] if "/S" in element else below
