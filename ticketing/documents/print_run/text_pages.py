"""Pages of plain lines, such as the list of tickets that a print run leaves out."""

from collections.abc import Iterator, Sequence
from typing import Any

from markupsafe import escape

from ticketing.documents.html_pdf import to_drawable
from ticketing.documents.stamping.pdf_prefix import PageSource
from ticketing.documents.stamping.variant_builder import source_of_document

LINES_A_PAGE = 40
_STYLE = "@page{size:A4;margin:20mm}body{font:9pt/1.4 Noto Sans}p{margin:0;overflow-wrap:anywhere}"


def text_pages(heading: str, lines: Sequence[str]) -> Iterator[PageSource]:
    """Yield pages with a heading and lines."""
    import weasyprint  # noqa: PLC0415  # takes a second

    for at in range(0, len(lines), LINES_A_PAGE):
        body = "".join(f"<p>{escape(to_drawable(line))}" for line in lines[at : at + LINES_A_PAGE])
        html = f"<style>{_STYLE}</style><h3>{escape(to_drawable(heading))}</h3>{body}"
        document: Any = weasyprint.HTML(string=html).render()
        yield source_of_document(document)
