# ruff: noqa: RUF001 - letters of every script are what is tested here
import gc
import os
import resource
import subprocess
import sys
import zlib
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pypdfium2
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from tests.plugins.properties import examples
from ticketing.documents.pdf_inspection import picture_of, qr_text_of, text_of
from ticketing.documents.renderer import Renderer, installation_problems
from ticketing.documents.template_context import SAMPLE_TICKET
from ticketing.documents.templates import TemplateFolders
from ticketing.documents.ticket_data import PrintedTicket
from ticketing.documents.weasyprint_engine import compress_streams
from ticketing.platform.kernel.errors import Misconfigured, TextDoesNotFit, UndrawableText

TEMPLATES = ["classic", "plain"]
NAMES = {
    "latin": "Ayu Kusumaningtyas",
    "javanese": "ꦱꦸꦥꦿꦪꦠ꧀ꦤ ꦄꦒꦸꦱ꧀ ꦮꦶꦗꦪ",
    "arabic": "محمد عبد الرحمن الأمين",
    "hebrew": "דוד בן־גוריון",
    "japanese": "山田 太郎",
    "chinese": "歐陽震華",
    "korean": "김민준",
    "thai": "สมชาย ใจดีวิเศษศักดิ์",
    "devanagari": "राजेश कुमार श्रीवास्तव",
    "vietnamese": "Nguyễn Thị Phương Quỳnh",
    "cyrillic": "Екатерина Преображенская",
    "greek": "Γιώργος Παπαδόπουλος",
    "one letter": "Q",
    "two lines": "Raden Ajeng Siti Nurhaliza Kusumaningtyas Prabowo Wijayakusuma",
    "one endless word": "W" * 120,
    "three hundred letters": "Wolfeschlegelsteinhausenbergerdorff " * 9,
    "long javanese": "ꦱꦸꦥꦿꦪꦠ꧀ꦤ " * 8,
    "long thai": "สมชายใจดีวิเศษศักดิ์" * 6,
    "long chinese": "歐陽震華" * 15,
}
DARK = 128
LOCALES = {
    "id_ID": "Asia/Jakarta",
    "en_US": "America/Los_Angeles",
    "ar_EG": "Africa/Cairo",
    "he_IL": "Asia/Jerusalem",
    "ja_JP": "Asia/Tokyo",
    "th_TH": "Asia/Bangkok",
    "hi_IN": "Asia/Kolkata",
    "ru_RU": "Europe/Moscow",
    "de_AT": "Europe/Vienna",
    "sw_KE": "Africa/Nairobi",
}


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer(TemplateFolders())


@pytest.fixture(params=NAMES.values(), ids=NAMES.keys())
def named_ticket(request: pytest.FixtureRequest) -> PrintedTicket:
    return replace(SAMPLE_TICKET, full_name=request.param)


@pytest.fixture(params=LOCALES.items(), ids=LOCALES.keys())
def local_ticket(request: pytest.FixtureRequest) -> PrintedTicket:
    locale, zone = request.param
    return replace(SAMPLE_TICKET, locale=locale, time_zone=zone)


@pytest.fixture
def pdf_of_other_process(tmp_path: Path) -> Iterator[bytes]:
    """Render the sample ticket in another process with another hash seed."""
    program = (
        "import sys; from ticketing.documents.renderer import *;"
        "from ticketing.documents.template_context import SAMPLE_TICKET;"
        "pdf = Renderer(TemplateFolders()).render(SAMPLE_TICKET, 'classic');"
        "open(sys.argv[1], 'wb').write(pdf)"
    )
    file = tmp_path / "elsewhere.pdf"
    environment = {**os.environ, "PYTHONHASHSEED": "7", "TZ": "America/New_York"}
    subprocess.run([sys.executable, "-c", program, str(file)], check=True, env=environment)
    return file.read_bytes()


def test_this_machine_has_all_that_printing_needs() -> None:
    assert installation_problems() == []


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_scanner_reads_the_token_whatever_the_name(
    renderer: Renderer, named_ticket: PrintedTicket, template: str
) -> None:
    pdf = renderer.render(named_ticket, template)

    assert qr_text_of(pdf) == SAMPLE_TICKET.qr_text


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_test_ticket_says_so_in_its_language_and_can_still_be_scanned(
    renderer: Renderer, template: str
) -> None:
    pdf = renderer.render(replace(SAMPLE_TICKET, is_test=True), template)

    assert "TIKET UJI COBA" in text_of(pdf)
    assert qr_text_of(pdf) == SAMPLE_TICKET.qr_text


@pytest.mark.parametrize("dpi", [72, 96, 150, 300])
def test_a_scanner_reads_the_token_at_any_resolution(renderer: Renderer, dpi: int) -> None:
    assert qr_text_of(renderer.render(SAMPLE_TICKET, "classic"), dpi=dpi) == SAMPLE_TICKET.qr_text


@pytest.mark.parametrize("template", TEMPLATES)
def test_no_text_leaves_the_page(
    renderer: Renderer, named_ticket: PrintedTicket, template: str
) -> None:
    document = pypdfium2.PdfDocument(renderer.render(named_ticket, template))
    page = document[0]
    texts = page.get_textpage()
    width, height = page.get_size()

    rectangles = [texts.get_rect(number) for number in range(texts.count_rects())]

    assert len(document) == 1
    assert all(left >= 0 and right <= width for left, _, right, _ in rectangles)
    assert all(bottom >= 0 and top <= height for _, bottom, _, top in rectangles)
    document.close()


def test_no_text_runs_into_the_card_with_the_code(
    renderer: Renderer, named_ticket: PrintedTicket
) -> None:
    document = pypdfium2.PdfDocument(renderer.render(named_ticket, "classic"))
    texts = document[0].get_textpage()
    card_left, card_right = (point * 72 / 25.4 for point in (137, 197))
    card_bottom, card_top = ((148 - mm) * 72 / 25.4 for mm in (83.5, 14))

    inside = texts.get_text_bounded(card_left, card_bottom, card_right, card_top)

    assert inside.strip() == SAMPLE_TICKET.ticket_code
    document.close()


@pytest.mark.parametrize("word", ["ꦱꦸꦥꦿꦪꦠ꧀ꦤ", "ஸ்ரீகிருஷ்ணகுஞ்ஞு", "ស្រ្តីព្រះអង្គក្រុម្ភៈ", "ᬓ᭄ᬱᬢ᭄ᬭᬶᬬᬲᬸ"])
@pytest.mark.parametrize("template", TEMPLATES)
def test_the_lines_of_a_name_do_not_touch(renderer: Renderer, template: str, word: str) -> None:
    picture = _name_picture(renderer, template, f"{word} " * 6)

    inked = "".join("#" if row.min() < DARK else " " for row in picture)
    assert len(inked.split()) >= 2


def _name_picture(renderer: Renderer, template: str, name: str) -> Any:  # noqa: ANN401  # numpy
    """Return the pixels of the name's box in grey."""
    left, top, width, height = {"classic": (14, 68, 120, 32), "plain": (11.5, 24, 82, 22)}[template]
    pdf = renderer.render(replace(SAMPLE_TICKET, full_name=name, email=""), template)
    document = pypdfium2.PdfDocument(pdf)
    page = document[0].render(scale=200 / 72, grayscale=True).to_numpy().squeeze()
    document.close()
    rows, columns = (
        (round(at * 200 / 25.4) for at in ends)
        for ends in ((top, top + height), (left, left + width))
    )
    return page[slice(*rows), slice(*columns)]


def test_every_locale_is_printed(renderer: Renderer, local_ticket: PrintedTicket) -> None:
    pdf = renderer.render(local_ticket, "classic")

    assert qr_text_of(pdf) == SAMPLE_TICKET.qr_text


def test_the_ticket_shows_its_event(renderer: Renderer) -> None:
    pdf = renderer.render(SAMPLE_TICKET, "classic")

    text = PdfReader(BytesIO(pdf)).pages[0].extract_text()

    assert {
        "Wisuda Sarjana 2026",
        "Ayu Kusumaningtyas",
        "ayu@example.org",
        "Sabtu, 14 November 2026",
        "08.00–12.00 WIB",
        "Graha Sabha Pramana, Yogyakarta",
        "Wisudawan",
        "A-12",
        "TC-2026-7Q4M9ZKD",
    } <= set(text.splitlines())
    assert "Dibuat 1 Okt 2026, 10.30 WIB" in text


@pytest.mark.parametrize("script", ["vietnamese", "cyrillic", "greek", "japanese", "korean"])
def test_the_name_can_be_copied_from_the_ticket(renderer: Renderer, script: str) -> None:
    pdf = renderer.render(replace(SAMPLE_TICKET, full_name=NAMES[script]), "classic")

    assert NAMES[script] in PdfReader(BytesIO(pdf)).pages[0].extract_text()


@pytest.mark.parametrize("template", TEMPLATES)
def test_the_code_is_larger_than_45_millimetres(renderer: Renderer, template: str) -> None:
    document = pypdfium2.PdfDocument(renderer.render(SAMPLE_TICKET, template))
    boxes = [item.get_bounds() for item in document[0].get_objects()]

    sizes = [(right - left, top - bottom) for left, bottom, right, top in boxes]

    # the dark modules; the white ground under them is 54 mm
    assert any(
        45 < width * 25.4 / 72 < 46 and width == pytest.approx(height) for width, height in sizes
    )
    document.close()


def test_the_code_is_drawn_as_a_vector(renderer: Renderer) -> None:
    assert list(PdfReader(BytesIO(renderer.render(SAMPLE_TICKET, "classic"))).pages[0].images) == []


@pytest.mark.parametrize("template", TEMPLATES)
def test_the_same_ticket_gives_the_same_bytes(renderer: Renderer, template: str) -> None:
    first = renderer.render(SAMPLE_TICKET, template)
    renderer.render(replace(SAMPLE_TICKET, full_name=NAMES["javanese"]), template)

    assert renderer.render(SAMPLE_TICKET, template) == first


def test_another_process_writes_the_same_bytes(
    renderer: Renderer, pdf_of_other_process: bytes
) -> None:
    for name in NAMES.values():
        renderer.render(replace(SAMPLE_TICKET, full_name=name), "classic")

    assert renderer.render(SAMPLE_TICKET, "classic") == pdf_of_other_process


def test_qpdf_finds_nothing_wrong(
    renderer: Renderer, named_ticket: PrintedTicket, tmp_path: Path
) -> None:
    file = tmp_path / "ticket.pdf"
    file.write_bytes(renderer.render(named_ticket, "classic"))

    checked = subprocess.run(["qpdf", "--check", file], capture_output=True, check=False)

    assert (checked.returncode, checked.stderr) == (0, b"")


def test_the_metadata_name_the_holder_and_the_time_of_issue(renderer: Renderer) -> None:
    reader = PdfReader(BytesIO(renderer.render(SAMPLE_TICKET, "classic")))

    assert reader.metadata is not None
    assert reader.metadata.title == "Wisuda Sarjana 2026 - Ayu Kusumaningtyas"
    assert reader.metadata.author == "Wisuda Sarjana 2026"
    assert reader.metadata.subject == "TC-2026-7Q4M9ZKD"
    assert reader.metadata.creation_date == SAMPLE_TICKET.issued_at
    assert reader.metadata.modification_date == SAMPLE_TICKET.issued_at


@pytest.mark.parametrize("field", [field.name for field in fields(PrintedTicket)])
def test_the_key_changes_with_every_field(renderer: Renderer, field: str) -> None:
    value = getattr(SAMPLE_TICKET, field)
    changes = {
        "time_zone": "Asia/Tokyo",
        "locale": "en_GB",
        "extra": {"faculty": "Teknik"},
        bool: lambda: not value,
        int: lambda: value + 1,
        str: lambda: value + "X",
        datetime: lambda: value + timedelta(days=1),
    }
    changed = changes.get(field) or changes[type(value)]()

    other = replace(SAMPLE_TICKET, **{field: changed})

    assert renderer.document_key(other, "classic") != renderer.document_key(
        SAMPLE_TICKET, "classic"
    )


def test_the_key_changes_with_the_template(renderer: Renderer) -> None:
    assert renderer.document_key(SAMPLE_TICKET, "plain") != renderer.document_key(
        SAMPLE_TICKET, "classic"
    )


def test_the_key_does_not_depend_on_how_an_instant_is_written(renderer: Renderer) -> None:
    same = replace(
        SAMPLE_TICKET, starts_at=SAMPLE_TICKET.starts_at.astimezone(ZoneInfo("Asia/Jakarta"))
    )

    assert renderer.document_key(same, "classic") == renderer.document_key(SAMPLE_TICKET, "classic")


@pytest.mark.parametrize(
    ("field", "text", "named"),
    [
        ("full_name", "Ayu \ue000", r"U\+E000.*fullName"),
        ("venue", "Hall \U000f0000", r"U\+F0000.*location"),
        ("seat", "\u0378", r"U\+0378.*seat"),
    ],
)
def test_a_character_that_no_font_draws_is_refused_and_named(
    renderer: Renderer, field: str, text: str, named: str
) -> None:
    with pytest.raises(UndrawableText, match=named):
        renderer.render(replace(SAMPLE_TICKET, **{field: text}), "classic")


@pytest.mark.parametrize("field", ["full_name", "event_name", "venue", "seat", "ticket_type"])
def test_a_text_too_long_is_refused_and_its_field_named(renderer: Renderer, field: str) -> None:
    with pytest.raises(TextDoesNotFit, match="5000 characters"):
        renderer.render(replace(SAMPLE_TICKET, **{field: "W" * 5000}), "classic")


def test_an_emoji_that_no_font_draws_is_left_out_with_a_note(renderer: Renderer) -> None:
    ticket = replace(SAMPLE_TICKET, full_name="Ayu \U0001faf6\U0001f3fd Lestari")

    notes = renderer.preflight_checker("classic")(ticket)
    text = PdfReader(BytesIO(renderer.render(ticket, "classic"))).pages[0].extract_text()

    assert "Ayu Lestari" in text
    assert [(note.field, note.characters, note.is_note) for note in notes] == [
        ("fullName", "\U0001f3fd\U0001faf6", True)
    ]
    assert "fullName is printed as 'Ayu Lestari'" in notes[0].reason


def test_an_unknown_locale_is_refused(renderer: Renderer) -> None:
    with pytest.raises(Misconfigured, match="no locale"):
        renderer.render(replace(SAMPLE_TICKET, locale="klingon"), "classic")


def test_preflight_finds_what_rendering_would_refuse(renderer: Renderer) -> None:
    hopeless = replace(SAMPLE_TICKET, full_name="W" * 5000, seat="\ue000")

    objections = renderer.preflight_checker("classic")(hopeless)

    assert [(found.field, found.characters) for found in objections] == [
        ("fullName", ""),
        ("seat", "\ue000"),
    ]


def test_an_ordinary_ticket_passes_preflight(
    renderer: Renderer, named_ticket: PrintedTicket
) -> None:
    assert renderer.preflight_checker("classic")(named_ticket) == []


@settings(
    max_examples=examples(25),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    name=st.text(
        st.characters(categories=["L", "M", "N", "P", "S", "Z", "Cf"], max_codepoint=0xFFFF),
        max_size=80,
    )
)
@example(name="═")  # of the fonts here only Ghostscript's Type 1 ones had it
@pytest.mark.slow
def test_every_name_that_passes_preflight_is_rendered(renderer: Renderer, name: str) -> None:
    ticket = replace(SAMPLE_TICKET, full_name=name)

    if not renderer.preflight_checker("classic")(ticket):
        assert qr_text_of(renderer.render(ticket, "classic")) == SAMPLE_TICKET.qr_text


def test_a_ticket_with_nothing_but_a_name_is_printed(renderer: Renderer) -> None:
    bare = replace(SAMPLE_TICKET, seat="", venue="", email="", ticket_type="", first_name="")

    assert qr_text_of(renderer.render(bare, "classic")) == SAMPLE_TICKET.qr_text


def test_first_and_last_name_stand_in_for_a_missing_full_name(renderer: Renderer) -> None:
    pdf = renderer.render(replace(SAMPLE_TICKET, full_name=""), "classic")

    assert "Ayu Kusumaningtyas" in PdfReader(BytesIO(pdf)).pages[0].extract_text()


def test_the_preview_is_a_picture(renderer: Renderer) -> None:
    assert picture_of(renderer.render(SAMPLE_TICKET, "classic")).startswith(b"\x89PNG")


def test_a_page_without_a_code_has_no_code() -> None:
    blank = pypdfium2.PdfDocument.new()
    blank.new_page(200, 200)
    file = BytesIO()
    blank.save(file)
    blank.close()

    assert qr_text_of(file.getvalue()) is None


@pytest.mark.process
def test_importing_the_renderer_does_not_load_the_engine() -> None:
    program = (
        "import sys, ticketing.documents.renderer;"
        "sys.exit(any(name in sys.modules for name in ('weasyprint', 'fontTools', 'numpy')))"
    )

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_missing_font_subsetting_library_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weasyprint.text.ffi.harfbuzz_subset", None)

    assert any("libharfbuzz-subset0" in problem for problem in installation_problems())


def test_compressed_streams_are_not_compressed_again() -> None:
    import weasyprint  # noqa: PLC0415  # the engine is loaded when first needed

    streams: list[Any] = []

    def finish(document: object, pdf: Any) -> None:  # noqa: ANN401  # pydyf is untyped
        compress_streams(document, pdf)
        streams.extend(each for each in pdf.objects if hasattr(each, "stream"))

    weasyprint.HTML(string="<p>Ayu").write_pdf(finisher=finish)

    assert len(streams) > 2
    assert not any(stream.compress for stream in streams)
    assert all(zlib.decompress(b"".join(stream.stream)) for stream in streams)


def test_the_garbage_collector_does_not_walk_through_the_engine(renderer: Renderer) -> None:
    renderer.check_template("plain")

    assert gc.get_freeze_count() > 10_000


@pytest.mark.slow
def test_memory_stays_flat(renderer: Renderer) -> None:
    many = [
        replace(SAMPLE_TICKET, full_name=f"{name[:20]} {number}", qr_text=f"TC1A{number}" * 16)
        for number in range(4)
        for name in NAMES.values()
    ]
    for ticket in many[: len(NAMES)]:
        renderer.render(ticket, "plain")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    for ticket in many:
        renderer.render(ticket, "plain")

    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kib < 16 * 1024
