"""Stamped tickets look like full renders, to the last channel of each pixel.

`STAMPED_TICKETS=600` compares as many tickets of each template; 32 otherwise.
"""
# ruff: noqa: RUF001 - letters of every script are what is tested here

import os
import random
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from ticketing.documents.pdf_inspection import qr_text_of, same_picture, text_of
from ticketing.documents.template_context import SAMPLE_TICKET
from ticketing.documents.template_renderer import TemplateRenderer, load_template
from ticketing.documents.templates import TemplateFolders
from ticketing.documents.ticket_data import PrintedTicket

COUNT = int(os.environ.get("STAMPED_TICKETS", "32"))
KEY = "0" * 32
LATIN = [
    "Ayu",
    "Siti",
    "Bambang",
    "Nguyễn",
    "Thị",
    "Phương",
    "José",
    "Ångström",
    "Müller-Lüdenscheidt",
    "O'Brien",
    "Łukasz",
    "Řehoř",
    "Kusumaningtyas",
    "Wijayakusuma",
    "Afifah",
    "Syafii",
    "Prabowo",
    "Đặng",
    "Žižková",
    "Straße",
    "Ñuñez",
    "van",
    "der",
    "Meer",
]
OTHER = {
    "cyrillic": "Екатерина Преображенская Иванов",
    "greek": "Γιώργος Παπαδόπουλος",
    "arabic": "محمد عبد الرحمن الأمين",
    "hebrew": "דוד בן־גוריון",
    "devanagari": "राजेश कुमार श्रीवास्तव",
    "tamil": "ஸ்ரீகிருஷ்ணகுமார் சுப்பிரமணியம்",
    "thai": "สมชาย ใจดีวิเศษศักดิ์",
    "javanese": "ꦱꦸꦥꦿꦪꦠ꧀ꦤ ꦄꦒꦸꦱ꧀",
    "han": "歐陽震華 王小明",
    "kana": "さくら タナカ",
    "hangul": "김민준 이서연",
    "armenian": "Արամ Խաչատրյան",
}
HOSTILE = (
    "Wolfeschlegelsteinhausenbergerdorff" * 2, "W" * 50, "fi ffi ffl fj", "Ayu 👩‍🎤 Lestari", "Q",
    "Z̸a̷l̵g̶o̴", "דוד 123 (abc)", "24/7 - A/B-C", "A & B <i>c</i>", "歐陽震華" * 6,
    "Ayu" + " Siti" * 20,
    "العربية English 12 العربية", "ꦱꦸꦥꦿꦪꦠ꧀ꦤ " * 5, "..., ,,, '''", "Iııİi ŋŊ ʻOkina",
)  # fmt: skip


@pytest.fixture(scope="module", params=["classic", "plain"])
def template(request: pytest.FixtureRequest) -> TemplateRenderer:
    return load_template(TemplateFolders().get(request.param))


def _tickets(count: int) -> Iterator[PrintedTicket]:
    """Yield tickets: half of other scripts, a quarter Latin, a quarter hostile."""
    chance = random.Random(7)  # noqa: S311 - the same tickets in every run
    scripts = list(OTHER.values())
    for number in range(count):
        name = " ".join(chance.sample(LATIN, chance.randint(1, 5)))
        if number % 2:
            name = scripts[number // 2 % len(scripts)]
        elif number % 4:
            name = HOSTILE[number // 4 % len(HOSTILE)]
        yield replace(
            SAMPLE_TICKET,
            full_name=name,
            email=f"{chance.choice(['ayu', 'fifi.affan', 'a_b+c'])}{number}@example.org",
            seat=chance.choice(["", "A-12", f"Tribun Barat {number}", "特等席 7", "VIP/1"]),
            ticket_code=f"TC-2026-{chance.randbytes(4).hex().upper()}",
            qr_text="TC1" + "".join(chance.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", k=141)),
            issued_at=SAMPLE_TICKET.issued_at + timedelta(minutes=number * 997),
            ticket_type=chance.choice(["Wisudawan", "Tamu Undangan", "VVIP"]),
            is_test=number % 16 == 15,
        )


def test_stamped_tickets_equal_full_renders(template: TemplateRenderer, tmp_path: Path) -> None:
    different, in_full, unread, unnamed = [], [], [], []

    for ticket in _tickets(COUNT):
        stamped = template.render(ticket)
        full = template.render_in_full(ticket, KEY)
        (tmp_path / f"{ticket.ticket_code}.pdf").write_bytes(stamped.content)
        if not same_picture(stamped.content, full, dpi=150):
            different.append(ticket.full_name)
        if stamped.in_full:
            in_full.append(ticket.full_name)
        if qr_text_of(stamped.content) != ticket.qr_text:
            unread.append(ticket.full_name)
        if _can_be_copied(full, ticket) and not _can_be_copied(stamped.content, ticket):
            unnamed.append(ticket.full_name)

    assert (different, unread, unnamed) == ([], [], [])
    assert in_full == []
    assert _complaints_of_qpdf(tmp_path) == []


def _can_be_copied(pdf: bytes, ticket: PrintedTicket) -> bool:
    text = re.sub(r"\s", "", text_of(pdf))
    return re.sub(r"\s", "", ticket.full_name) in text and ticket.ticket_code in text


def _complaints_of_qpdf(folder: Path) -> list[str]:
    if shutil.which("qpdf") is None:
        return []
    files = sorted(folder.glob("*.pdf"))[:: max(1, COUNT // 16)]
    checked = [
        subprocess.run(["qpdf", "--check", file], capture_output=True, text=True, check=False)
        for file in files
    ]
    return [each.stderr for each in checked if each.returncode or each.stderr]
