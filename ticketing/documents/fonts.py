"""Glyph coverage of the installed fonts, and widths of characters.

The fonts are listed by fontconfig, because Pango selects its fallback fonts there too.
"""

import functools
import hashlib
import re
import shutil
import subprocess
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ticketing.platform.kernel.errors import Misconfigured
from ticketing.platform.kernel.text import requires_glyph

INSTALL_HINT = "install fontconfig, fonts-noto-core and fonts-noto-cjk"
_FC_LIST_FORMAT = "%{fullname}\t%{fontversion}\t%{charset}\t%{index}\t%{file}\n"
# fontconfig also lists Ghostscript's Type 1 fonts, which neither Pango nor fontTools can use
_SUPPORTED_FORMATS = ("TrueType", "CFF")
_NAME, _CHARSET, _INDEX, _FILE = 0, 2, 3, 4
_WIDE = frozenset({"W", "F"})


@dataclass(frozen=True, slots=True)
class FontFace:
    """An installed font face: its file, and the ranges of code points that it covers."""

    file: str
    index: int
    ranges: tuple[tuple[int, int], ...]

    def covers(self, character: str) -> bool:
        """Return whether the face has a glyph for the character."""
        point = ord(character)
        return any(first <= point <= last for first, last in self.ranges)


class InstalledFonts:
    """The fonts of this machine; `installed_fonts()` returns the shared instance."""

    def __init__(self, listing: str) -> None:
        """Parse the output of `fc-list` in the format of this module."""
        rows = sorted({line for line in listing.splitlines() if line.count("\t") == _FILE})
        if not rows:
            raise Misconfigured(f"no font is installed; {INSTALL_HINT}")
        fields = [row.split("\t") for row in rows]
        self._faces = [
            FontFace(row[_FILE], int(row[_INDEX]) & 0xFFFF, _ranges(row[_CHARSET]))
            for row in fields
        ]
        # without paths: the same fonts in other folders render the same ticket
        contents = "\n".join("\t".join(row[:_INDEX]) for row in fields)
        self.digest = hashlib.sha256(contents.encode()).hexdigest()
        self._uncovered = re.compile(
            _uncovered_pattern(r for face in self._faces for r in face.ranges)
        )
        ascii_text = "".join(map(chr, range(0x20, 0x7F)))
        self._draws_ascii = self._uncovered.search(ascii_text) is None

    def undrawable(self, text: str) -> frozenset[str]:
        """Return the characters of the text that no installed font has a glyph for."""
        if self._draws_ascii and text.isascii() and text.isprintable():
            return frozenset()
        return frozenset(filter(requires_glyph, self._uncovered.findall(text)))

    def width(self, character: str) -> float:
        """Return the width of the character in em, in some font that has it."""
        if unicodedata.east_asian_width(character) in _WIDE:
            return 1.0
        if unicodedata.category(character) in {"Mn", "Me", "Cf"}:
            return 0.0
        face = next((face for face in self._faces if face.covers(character)), None)
        return 1.0 if face is None else _glyph_widths(face.file, face.index).width_of(character)


class GlyphWidths:
    """Advance widths of the characters of one face, in em."""

    def __init__(self, file: str, index: int) -> None:
        """Read the widths of the face, without glyph outlines."""
        from fontTools.ttLib import TTFont  # noqa: PLC0415  # 0.1 s that most callers never need

        font: Any
        with TTFont(file, fontNumber=index, lazy=True) as font:
            self._characters: dict[int, str] = font.getBestCmap() or {}
            self._metrics = font["hmtx"].metrics
            self._units: int = font["head"].unitsPerEm

    def has(self, character: str) -> bool:
        """Return whether the face has a glyph for the character."""
        return ord(character) in self._characters

    def width_of(self, character: str) -> float:
        """Return the width of a character that the face has."""
        advance: int = self._metrics[self._characters[ord(character)]][0]
        return advance / self._units


@functools.cache
def _glyph_widths(file: str, index: int) -> GlyphWidths:
    return GlyphWidths(file, index)


@functools.cache
def face_widths(pattern: str) -> GlyphWidths:
    """Return the widths of the face that fontconfig selects for a pattern: `Noto Sans:bold`."""
    file, _, index = _run_fontconfig(
        "fc-match", "--format", "%{file}\t%{index}", pattern
    ).partition("\t")
    return _glyph_widths(file, int(index) & 0xFFFF)


@functools.cache
def installed_fonts() -> InstalledFonts:
    """Return the fonts of this machine, read once per process."""
    listings = (
        _run_fontconfig("fc-list", f":fontformat={kind}", "--format", _FC_LIST_FORMAT)
        for kind in _SUPPORTED_FORMATS
    )
    return InstalledFonts("".join(listings))


def _run_fontconfig(program: str, *arguments: str) -> str:
    path = shutil.which(program)
    if path is None:
        raise Misconfigured(f"{program} is missing; {INSTALL_HINT}")
    answer = subprocess.run(  # noqa: S603  # fixed arguments, no shell
        [path, *arguments], capture_output=True, check=True, encoding="utf-8"
    )
    return answer.stdout


def _ranges(charset: str) -> tuple[tuple[int, int], ...]:
    """Parse `20-7e a0` to pairs of code points."""
    pairs = (part.partition("-") for part in charset.split())
    return tuple((int(first, 16), int(last or first, 16)) for first, _, last in pairs)


def _uncovered_pattern(ranges: Iterable[tuple[int, int]]) -> str:
    """Return a regular expression for one character outside of all ranges."""
    merged: list[list[int]] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1][1] = max(merged[-1][1], last)
        else:
            merged.append([first, last])
    covered = "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in merged)
    return f"[^{covered}]"


def font_problems() -> list[str]:
    """Return the scripts of names that no installed font can draw, each with what to install."""
    samples = {
        "Latin": "Ağnieszka Nguyễn",
        "Cyrillic": "Иван",
        "Arabic": "محمد",
        "Hebrew": "דוד",
        "Devanagari": "राजेश",
        "Thai": "สมชาย",
        "Javanese": "ꦱꦸꦥꦿꦪꦠ꧀ꦤ",
        "Chinese, Japanese, Korean": "王小明 佐藤 김민준",
    }
    try:
        fonts = installed_fonts()
    except Misconfigured as error:
        return [str(error)]
    return [
        f"no font draws {script}; {INSTALL_HINT}"
        for script, sample in samples.items()
        if fonts.undrawable(sample)
    ]
