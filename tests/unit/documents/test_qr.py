from base64 import b64decode

import numpy as np
import pytest
import qrcode
import segno
import zxingcpp
from hypothesis import example, given, settings
from hypothesis import strategies as st
from qrcode.util import MODE_ALPHA_NUM, QRData

from tests.plugins.properties import examples
from ticketing.documents.qr import MASK_PATTERN, QUIET_ZONE, QrCode, qr_rows

TOKEN = "TC1" + "0123456789ABCDEFGHJKMNPQRSTVWXYZ" * 4 + "0123456789ABC"
ALPHANUMERIC = st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=1, max_size=200)


def test_a_token_takes_version_six() -> None:
    assert len(qr_rows(TOKEN)) == 41


def test_the_code_of_a_token_equals_that_of_another_encoder() -> None:
    theirs = segno.make(
        TOKEN, error="m", mask=MASK_PATTERN, micro=False, boost_error=False, mode="alphanumeric"
    )

    assert qr_rows(TOKEN) == ["".join(str(module) for module in row) for row in theirs.matrix]


@settings(max_examples=examples(30))
@given(ALPHANUMERIC)
@example("0" * 150)  # the library fails on words that are all zero
def test_a_third_party_decoder_reads_any_code(text: str) -> None:
    modules = np.array([[module == "1" for module in row] for row in qr_rows(text)])
    dark = np.pad(modules, QUIET_ZONE).repeat(4, axis=0).repeat(4, axis=1)

    found = zxingcpp.read_barcodes(np.where(dark, 0, 255).astype("uint8"))

    assert [barcode.text for barcode in found] == [text]


@settings(max_examples=examples(40))
@given(ALPHANUMERIC)
def test_the_code_of_any_text_equals_that_of_the_library(text: str) -> None:
    code = qrcode.QRCode(
        error_correction=qrcode.ERROR_CORRECT_M, border=0, mask_pattern=MASK_PATTERN
    )
    code.add_data(QRData(text, mode=MODE_ALPHA_NUM), optimize=0)
    code.make(fit=True)

    theirs = ["".join("01"[bool(module)] for module in row) for row in code.modules]
    assert qr_rows(text) == theirs


@settings(max_examples=examples(20))
@given(ALPHANUMERIC)
def test_the_boxes_cover_each_dark_module_once_and_nothing_else(text: str) -> None:
    code = QrCode(text)

    covered = [(x + step, y) for x, y, width in code.runs for step in range(width)]

    assert len(set(covered)) == len(covered)
    assert set(covered) == {
        (x, y)
        for y, row in enumerate(qr_rows(text), QUIET_ZONE)
        for x, module in enumerate(row, QUIET_ZONE)
        if module == "1"
    }


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
