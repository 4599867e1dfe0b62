"""Print runs: every ticket looks as its own file does, on a page or on a sheet."""

import itertools
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pypdfium2
import pytest
import zxingcpp
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageStat

from ticketing.documents.print_run.print_run import PrintRun
from ticketing.documents.print_run.sheet_layout import DoesNotFitSheet, Paper, SheetLayout
from ticketing.documents.template_context import SAMPLE_TICKET
from ticketing.documents.template_renderer import TemplateRenderer, load_template
from ticketing.documents.templates import TemplateFolders
from ticketing.documents.ticket_data import PrintedTicket

MAX_MEAN_DIFFERENCE = 0.5  # of 255: positions between two pixels are rounded
NAMES = (
    "Ayu Kusumaningtyas", "Екатерина Иванова", "歐陽震華 王小明", "محمد الأمين",
    "Nguyễn Thị Phương",
    "ꦱꦸꦥꦿꦪꦠ꧀ꦤ", "김민준", "Bambang Wijayakusuma Prabowo Siregar", "राजेश कुमार",
)  # fmt: skip
TICKETS = [
    replace(
        SAMPLE_TICKET,
        ticket_id=number,
        full_name=name,
        seat=f"B-{number}",
        qr_text="TC1" + "ABCDEFGHIJKLMNOPQRSTUVWXYZ2345678"[number:] * 6,
        ticket_type=("Wisudawan", "VVIP", "Tamu")[number % 3],
    )
    for number, name in enumerate(NAMES)
]


@pytest.fixture(scope="module")
def template() -> TemplateRenderer:
    return load_template(TemplateFolders().get("plain"))


@pytest.fixture(scope="module")
def full_template(tmp_path_factory: pytest.TempPathFactory) -> TemplateRenderer:
    """Return a template whose tickets are rendered in full, because a slot is changed."""
    folders = tmp_path_factory.mktemp("templates")
    folder = shutil.copytree(TemplateFolders().get("plain").folder, folders / "shouting")
    page = folder / "ticket.html.j2"
    page.write_text(re.sub(r"{{ ?seat ?}}", "{{ seat | upper }}", page.read_text()))
    return load_template(TemplateFolders(folders).get("shouting"))


def _print(
    template: TemplateRenderer,
    layout: SheetLayout | None = None,
    tickets: Sequence[PrintedTicket] = TICKETS,
) -> bytes:
    parts: list[bytes] = []
    run = PrintRun(parts.append, layout, title="Wisuda")
    for chunk in (tickets[:4], tickets[4:]):
        run.add(template, [template.draw(each) for each in chunk])
    run.finish("test")
    return b"".join(parts)


def _pictures(pdf: bytes, dpi: int = 100) -> list[Image.Image]:
    document = pypdfium2.PdfDocument(pdf)
    return [page.render(scale=dpi / 72).to_pil() for page in document]


def test_every_page_looks_like_the_file_of_its_ticket(template: TemplateRenderer) -> None:
    pages = _pictures(_print(template))
    files = [_pictures(template.render(each).content)[0] for each in TICKETS]

    assert [page.tobytes() for page in pages] == [file.tobytes() for file in files]


def test_a_template_that_cannot_be_stamped_is_printed_as_well(
    full_template: TemplateRenderer,
) -> None:
    assert full_template.stamping_refusal is not None

    pages = _pictures(_print(full_template, tickets=TICKETS[:5]))
    files = [_pictures(full_template.render(each).content)[0] for each in TICKETS[:5]]

    assert [page.tobytes() for page in pages] == [file.tobytes() for file in files]


def test_tickets_of_several_types_share_a_sheet_and_every_code_is_read(
    template: TemplateRenderer,
) -> None:
    layout = SheetLayout(Paper.A4, 3, 2, gap_mm=5, crop_marks=True)

    sheets = _pictures(_print(template, layout), dpi=200)

    read = [sorted(code.text for code in zxingcpp.read_barcodes(sheet)) for sheet in sheets]
    assert read == [
        sorted(each.qr_text for each in TICKETS[:6]),
        sorted(each.qr_text for each in TICKETS[6:]),
    ]


def test_a_ticket_on_a_sheet_looks_like_its_file(template: TemplateRenderer) -> None:
    layout = SheetLayout(Paper.A5, 2, 1, margin_mm=0, is_landscape=True)  # filled by two tickets

    sheet = _pictures(_print(template, layout, TICKETS[:2]), dpi=254)[0]
    files = [_pictures(template.render(each).content, dpi=254)[0] for each in TICKETS[:2]]

    for left, file in zip((0, 1050), files, strict=True):
        placed = sheet.crop((left, 0, left + file.width, file.height))
        difference = ImageChops.difference(placed.convert("L"), file.convert("L"))
        assert ImageStat.Stat(difference).mean[0] < MAX_MEAN_DIFFERENCE


def test_shared_parts_are_written_once(template: TemplateRenderer) -> None:
    two, many = (_print(template, tickets=TICKETS[:1] * count) for count in (2, 22))

    assert (len(many) - len(two)) / 20 < 3_000
    assert _print(template) == _print(template)


def test_lines_on_the_last_page_tell_what_is_left_out(template: TemplateRenderer) -> None:
    parts: list[bytes] = []
    run = PrintRun(parts.append, None, title="Wisuda")
    run.add(template, [template.draw(TICKETS[0])])

    run.add_text("2 tickets are left out", ["TC-1: <too long>", "TC-2: " + "x" * 300])
    run.finish("test")

    document = pypdfium2.PdfDocument(b"".join(parts))
    text = document[len(document) - 1].get_textpage().get_text_range()
    assert "TC-1: <too long>" in text


@pytest.mark.parametrize("layout", [None, SheetLayout(Paper.A4, 2, 3, crop_marks=True)])
def test_the_file_is_valid(
    template: TemplateRenderer, layout: SheetLayout | None, tmp_path: Path
) -> None:
    if shutil.which("qpdf") is None:
        pytest.skip("qpdf is not installed")
    file = tmp_path / "run.pdf"
    file.write_bytes(_print(template, layout))

    checked = subprocess.run(["qpdf", "--check", file], capture_output=True, text=True, check=False)

    assert (checked.returncode, checked.stderr) == (0, "")


@given(st.integers(1, 5), st.integers(1, 5), st.sampled_from([0, 3, 6]), st.booleans())
def test_neither_tickets_nor_marks_touch_another_ticket(
    columns: int, rows: int, gap: int, is_landscape: bool
) -> None:
    layout = SheetLayout(Paper.A3, columns, rows, 6, gap, is_landscape=is_landscape)
    placed = [layout.place(number, 120, 150) for number in range(layout.tickets)]
    width, height = layout.size

    for one, other in itertools.combinations(placed, 2):
        assert (
            one.x + one.width <= other.x + 1e-6
            or other.x + other.width <= one.x + 1e-6
            or one.y >= other.y + other.height - 1e-6
        )
    for number, each in enumerate(placed):
        for x1, y1, x2, y2 in layout.marks(number, each):
            assert 0 <= min(x1, x2) <= max(x1, x2) <= width
            assert 0 <= min(y1, y2) <= max(y1, y2) <= height
            assert not any(
                min(x1, x2) < ticket.x + ticket.width - 1e-6
                and max(x1, x2) > ticket.x + 1e-6
                and min(y1, y2) < ticket.y + ticket.height - 1e-6
                and max(y1, y2) > ticket.y + 1e-6
                for ticket in placed
            )


@pytest.mark.parametrize(
    ("columns", "rows", "margin"), [(0, 1, 8.0), (1, 21, 8.0), (1, 1, -1.0), (1, 1, 200.0)]
)
def test_an_impossible_layout_is_refused(columns: int, rows: int, margin: float) -> None:
    with pytest.raises(DoesNotFitSheet):
        SheetLayout(Paper.A4, columns, rows, margin)


def test_tickets_too_small_for_scanners_are_refused_before_anything_is_drawn(
    template: TemplateRenderer,
) -> None:
    with pytest.raises(DoesNotFitSheet, match="use fewer columns or rows"):
        _print(template, SheetLayout(Paper.A4, 9, 9))
