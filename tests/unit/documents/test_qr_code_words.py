import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qrcode.util import ALPHA_NUM, MODE_ALPHA_NUM, QRData, create_data

from tests.plugins.properties import examples
from ticketing.documents.qr import ERROR_CORRECTION, codeword_count, encode_codewords

# how many characters the smallest codes and the largest one hold, one less and one more
FULL = [(1, 1), (1, 19), (1, 20), (2, 21), (5, 122), (6, 123), (6, 154), (14, 500), (40, 3391)]


@settings(max_examples=examples(60))
@given(st.text(ALPHA_NUM.decode(), min_size=1, max_size=154))
def test_the_codewords_equal_those_of_the_library(text: str) -> None:
    theirs = create_data(6, ERROR_CORRECTION, [QRData(text, mode=MODE_ALPHA_NUM)])

    assert encode_codewords(text, 6) == bytes(theirs)


@pytest.mark.parametrize(("version", "length"), FULL)
def test_blocks_of_every_kind_are_filled_as_the_library_fills_them(
    version: int, length: int
) -> None:
    text = ("TC1 $%*+-./:Z90" * 300)[:length]

    theirs = create_data(version, ERROR_CORRECTION, [QRData(text, mode=MODE_ALPHA_NUM)])

    assert encode_codewords(text, version) == bytes(theirs)
    assert codeword_count(version) == len(theirs)
