# ruff: noqa: RUF001 - letters of every script are what is tested here
import time

import pytest

from ticketing.documents.fonts import InstalledFonts, face_widths, font_problems, installed_fonts
from ticketing.platform.kernel.errors import Misconfigured

TWO_FONTS = "Some Sans\t1\t41-5a 61-7a\t0\t/a.ttf\nSome Arabic\t2\t627-64a 1f600\t0\t/b.ttf\n"


def test_the_installed_fonts_cover_every_supported_script() -> None:
    assert font_problems() == []


def test_a_character_without_a_glyph_is_named() -> None:
    fonts = InstalledFonts(TWO_FONTS)

    assert fonts.undrawable("Ab ا 😀 Ж1") == {"Ж", "1"}


def test_joiners_and_blanks_need_no_font() -> None:
    fonts = InstalledFonts(TWO_FONTS)

    assert fonts.undrawable("A\u200d\u200e \u00a0\ufe0f") == frozenset()


def test_private_characters_are_undrawable() -> None:
    assert installed_fonts().undrawable("Ayu \ue000") == {"\ue000"}


def test_the_same_fonts_in_another_folder_are_the_same_fonts() -> None:
    moved = TWO_FONTS.replace("/a.ttf", "/elsewhere/a.ttf")

    assert InstalledFonts(moved).digest == InstalledFonts(TWO_FONTS).digest


def test_a_new_version_of_a_font_is_another_font() -> None:
    updated = TWO_FONTS.replace("Some Sans\t1", "Some Sans\t2")

    assert InstalledFonts(updated).digest != InstalledFonts(TWO_FONTS).digest


def test_without_fonts_the_error_names_the_package_to_install() -> None:
    with pytest.raises(Misconfigured, match="fonts-noto-core"):
        InstalledFonts("")


def test_without_fontconfig_the_error_names_the_package_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    installed_fonts.cache_clear()
    monkeypatch.setenv("PATH", "/nowhere")

    assert "fc-list is missing" in font_problems()[0]


def test_missing_scripts_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    latin_only = InstalledFonts("Some Sans\t1\t20-24f 1e00-1eff 300-36f\t0\t/a.ttf")
    monkeypatch.setattr("ticketing.documents.fonts.installed_fonts", lambda: latin_only)

    problems = font_problems()

    assert [problem.split(";")[0] for problem in problems][:2] == [
        "no font draws Cyrillic",
        "no font draws Arabic",
    ]


def test_checking_a_hundred_thousand_names_takes_seconds() -> None:
    fonts = installed_fonts()
    began = time.process_time()

    for number in range(100_000):
        fonts.undrawable(f"Nguyễn Thị Phương {number}")

    assert time.process_time() - began < 30


def test_a_wide_letter_is_wider_than_a_narrow_one() -> None:
    widths = face_widths("Noto Serif Display:bold")

    assert widths.width_of("W") > 3 * widths.width_of("i")


@pytest.mark.parametrize(
    ("character", "least", "most"),
    [("王", 1, 1), ("\u0301", 0, 0), ("ꦱ", 0.8, 1.6), ("ا", 0.2, 0.5)],
)
def test_the_width_of_any_character_is_known(character: str, least: float, most: float) -> None:
    assert least <= installed_fonts().width(character) <= most
