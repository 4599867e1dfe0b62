"""Tests of the proof of a template: what an entrance or a printer could not use is refused."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ticketing.documents.renderer import Renderer
from ticketing.documents.templates import TemplateFolders
from ticketing.platform.kernel.errors import TemplateBroken

STYLE = "@page { size: 100mm 180mm; margin: 10mm } body { font-family: Noto Sans }\n"
STYLE += ".qr { width: 50mm; height: 50mm; display: block }\n"
STYLE += ".loud { text-transform: uppercase }\n"
STYLE += ".frame { position: relative; overflow: hidden; width: 50mm; height: 10mm }\n"
STYLE += ".small .qr { width: 9mm; height: 9mm }"
NAME = '<p {{ fit("fullName", width=80, height=20, largest=20) }}>{{ fullName }}</p>'
CODE = "<p>{{ ticketCode }}</p>"
COVER = (
    "<div style='position: absolute; top: 0; width: 80mm; height: 80mm; background: #fff'></div>"
)
BAR = "<div style='position: absolute; width: 9mm; height: 9mm; background: #c00; {}'></div>"


@pytest.fixture
def prove(tmp_path: Path) -> Callable[..., None]:
    """Return a function that checks a template with this page."""

    def check(page: str, style: str = STYLE) -> None:
        folder = tmp_path / "mine"
        folder.mkdir()
        (folder / "ticket.html.j2").write_text(page)
        (folder / "ticket.css").write_text(style)
        Renderer(TemplateFolders(tmp_path)).check_template("mine")

    return check


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        (f"{NAME}{CODE}", r"ticket\.html\.j2 does not use qr or qrCodeUrl: .* 100 and 300 dpi"),
        (f"{NAME}\n<p hidden>{{{{ qr }}}}</p>{CODE}", r"ticket\.html\.j2:2: no scanner"),
        (f"{{{{ qr }}}}{COVER}{NAME}{CODE}", r"ticket\.html\.j2:1: no scanner"),
        (f"<div class=small>{{{{ qr }}}}</div>{NAME}{CODE}", "no scanner .* QR code at 100"),
        (f"{{{{ qr }}}}{NAME}", "does not use ticketCode: the ticket code TC-2026-7Q4M9ZKD is not"),
        (f"{{{{ qr }}}}{CODE}\n<p hidden>{{{{ fullName }}}}", r"j2:2: the name Ayu Kusumaningtyas"),
        (f"{{{{ qr }}}}{NAME}{CODE}{BAR.format('right: -15mm')}", r"j2:1: .* outside of the page"),
        (f"{{{{ qr }}}}\n<div>{NAME}\n{{# <hr> #}}{CODE}\n{BAR.format('bottom: -30mm')}</div>",
         r"ticket\.html\.j2:4: something is drawn outside of the page"),
        ("<p>\n{{ nobody }}", r"ticket\.html\.j2:2: 'nobody' is undefined"),
        (f"<p>\n{NAME.replace('=80', '=8').replace('=20', '=2', 1)}{CODE}{{{{ qr }}}}",
         r"ticket\.html\.j2:2: fullName has 18 characters and does not fit 8 x 2 mm"),
    ],
    ids=["no code", "hidden", "covered", "small", "no text code", "no name", "right", "below",
         "unknown variable", "too small a box"],
)  # fmt: skip
def test_a_template_whose_tickets_could_not_be_used_is_refused(
    prove: Callable[..., None], page: str, reason: str
) -> None:
    with pytest.raises(TemplateBroken, match=f"template 'mine', .*{reason}"):
        prove(page)


@pytest.mark.parametrize(
    "page",
    [
        f"{{{{ qr }}}}{NAME}{CODE}",
        f"<img class=qr src='{{{{ qrCodeUrl }}}}' alt=''>{NAME}{CODE}",
        f"{{{{ qr }}}}<b class=loud>{{{{ lastName }}}}, {{{{ firstName }}}}</b>{CODE}",
        f"{{{{ qr }}}}{NAME}{CODE}<div class=frame>{BAR.format('left: -15mm')}</div>",
    ],
    ids=["usual", "address", "upper case", "clipped"],
)
def test_a_template_whose_sample_is_read_back_is_accepted(
    prove: Callable[..., None], page: str
) -> None:
    prove(page)
