"""Tests that our base32 encoder agrees with the standard library."""

from base64 import b32encode

from hypothesis import given
from hypothesis import strategies as st

from ticketing.platform.kernel.base32 import encode_base32


@given(st.binary(max_size=160))
def test_it_agrees_with_the_standard_library(raw: bytes) -> None:
    assert encode_base32(raw) == b32encode(raw).decode("ascii").rstrip("=")
