"""Options of a template's PDF files, which its page states: tags for screen readers."""

import re
from dataclasses import dataclass
from pathlib import Path

from ticketing.documents.templates import TEMPLATE_FILE, TicketTemplate
from ticketing.platform.kernel.errors import TemplateBroken

_META = re.compile(r"<meta\b[^>]*\bname=[\"']?pdf-variant\b[^>]*>", re.IGNORECASE)
_CONTENT = re.compile(r"\bcontent=[\"']?([^\"'\s>]*)", re.IGNORECASE)
TAGGED = "tagged"
VARIANTS = ("pdf/ua-1", "pdf/ua-2")
REFUSAL = (
    "its page asks for tagged PDF, which is rendered in full; without the element"
    ' <meta name="pdf-variant"> its tickets are stamped'
)


@dataclass(frozen=True, slots=True)
class PdfOptions:
    """Whether PDFs have tags, and the variant of PDF/UA that they declare; "" is none."""

    tags: bool = False
    variant: str = ""

    @classmethod
    def of(cls, template: TicketTemplate) -> "PdfOptions":
        """Return what `<meta name="pdf-variant" content="…">` asks for. Raises TemplateBroken."""
        return cls.parse((template.folder / TEMPLATE_FILE).read_text(encoding="utf-8"))

    @classmethod
    def parse(cls, page: str) -> "PdfOptions":
        """Return the options of a page; no tags without the element."""
        meta = _META.search(page)
        if meta is None:
            return cls()
        content = _CONTENT.search(meta[0])
        asked = content[1].lower() if content else ""
        if asked not in (TAGGED, *VARIANTS):
            line = page.count("\n", 0, meta.start()) + 1
            raise TemplateBroken(
                f"{Path(TEMPLATE_FILE).name}:{line}: pdf-variant is {asked!r}, and can be"
                f" {', '.join((TAGGED, *VARIANTS))}; without the element there are no tags"
            )
        return cls(tags=True, variant="" if asked == TAGGED else asked)
