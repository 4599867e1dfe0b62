from base64 import b64decode

import numpy as np
import pytest
import segno
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st

from ticketing.documents.qr import MASK, QUIET_ZONE, QrCode, qr_modules

TOKEN = "TC1" + "0123456789ABCDEFGHJKMNPQRSTVWXYZ" * 4 + "0123456789ABC"
ALPHANUMERIC = st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=1, max_size=200)


def test_a_token_takes_version_six() -> None:
    assert len(qr_modules(TOKEN)) == 41


def test_the_code_of_a_token_equals_that_of_another_encoder() -> None:
    theirs = segno.make(
        TOKEN, error="m", mask=MASK, micro=False, boost_error=False, mode="alphanumeric"
    )

    assert qr_modules(TOKEN) == [[bool(module) for module in row] for row in theirs.matrix]


@settings(max_examples=30, deadline=None)
@given(ALPHANUMERIC)
def test_a_decoder_of_other_people_reads_any_code(text: str) -> None:
    dark = np.pad(np.array(qr_modules(text)), QUIET_ZONE).repeat(4, axis=0).repeat(4, axis=1)

    found = zxingcpp.read_barcodes(np.where(dark, 0, 255).astype("uint8"))

    assert [barcode.text for barcode in found] == [text]


@settings(max_examples=20, deadline=None)
@given(ALPHANUMERIC)
def test_the_outlines_enclose_exactly_the_dark_modules(text: str) -> None:
    code = QrCode(text)
    toggles = [[False] * code.side for _ in range(code.side)]

    # a point is inside by the even-odd rule when an odd number of upright edges lies to its left
    for outline in code.outlines:
        for (x, y), (x_after, y_after) in zip(outline, outline[1:] + outline[:1], strict=True):
            assert (x == x_after) != (y == y_after)
            for row in range(min(y, y_after), max(y, y_after)):
                for column in range(x, code.side):
                    toggles[row][column] ^= True

    inner = slice(QUIET_ZONE, -QUIET_ZONE)
    assert [row[inner] for row in toggles[inner]] == qr_modules(text)
    assert sum(map(sum, toggles)) == sum(map(sum, qr_modules(text)))


def test_the_picture_is_an_svg_with_a_white_ground_and_a_quiet_zone() -> None:
    header, _, data = QrCode(TOKEN).data_url().partition(",")

    svg = b64decode(data).decode()

    assert header == "data:image/svg+xml;base64"
    assert 'viewBox="0 0 49 49"' in svg
    assert '<path fill="#fff" d="M0 0h49v49H0z"/>' in svg


@pytest.mark.parametrize("text", ["lower case", "ß"])
def test_a_text_outside_of_the_alphanumeric_set_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="mode"):
        QrCode(text)
