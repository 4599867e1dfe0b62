"""Tests of reading QR codes from pictures of a camera."""

from io import BytesIO

import pytest
from PIL import Image

from ticketing.documents.qr_image import QrImageOptions, qr_png
from ticketing.documents.qr_picture import MAX_SIDE, UnreadablePicture, read_qr_picture


def _jpeg(picture: Image.Image) -> bytes:
    file = BytesIO()
    picture.convert("L").save(file, "JPEG", quality=60)
    return file.getvalue()


def test_a_code_is_read_from_a_dim_turned_picture() -> None:
    code = Image.open(BytesIO(qr_png("TC1ABC", QrImageOptions(size=200))))
    scene = Image.new("L", (640, 480), 90)
    scene.paste(code.convert("L").point(lambda level: 40 + level // 3), (200, 120))

    assert read_qr_picture(_jpeg(scene.rotate(20, fillcolor=90))) == "TC1ABC"


def test_a_picture_without_a_code_has_no_text() -> None:
    assert read_qr_picture(_jpeg(Image.new("L", (64, 64)))) is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no JPEG"),
        (b"GIF89a", "no JPEG"),
        (_jpeg(Image.new("L", (64, 64)))[:200], "no JPEG"),
        (_jpeg(Image.new("L", (MAX_SIDE + 1, 8))), f"send at most {MAX_SIDE}"),
    ],
    ids=["empty", "another format", "torn", "too large"],
)
def test_what_is_no_small_picture_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(UnreadablePicture, match=reason):
        read_qr_picture(content)
