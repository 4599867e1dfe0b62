"""Tests of the simulator's wire format, however the bytes are split."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.routeros import wire

words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=300)
sentences = st.lists(st.lists(words, min_size=1, max_size=6), min_size=1, max_size=6)


@pytest.mark.parametrize(
    ("length", "prefix"),
    [
        (0, "00"),
        (6, "06"),
        (127, "7f"),
        (128, "8080"),
        (200, "80c8"),
        (16_383, "bfff"),
        (16_384, "c04000"),
        (0x1FFFFF, "dfffff"),
        (2_097_152, "e0200000"),
        (268_435_456, "f010000000"),
    ],
)
def test_a_length_takes_as_few_bytes_as_hold_it(length: int, prefix: str) -> None:
    assert wire.encode_length(length).hex() == prefix


@pytest.mark.parametrize("length", [127, 128, 16_384])
def test_a_word_may_come_byte_by_byte(length: int) -> None:
    raw, reader = wire.encode_sentence([b"x" * length]), wire.SentenceReader()

    assert [each for byte in raw for each in reader.feed(bytes((byte,)))] == [[b"x" * length]]


def test_an_oversized_sentence_ends_the_connection() -> None:
    raw = wire.encode_sentence([b"x" * wire.MAX_WORD_BYTES] * 5)

    with pytest.raises(wire.Malformed):
        list(wire.SentenceReader().feed(raw))


@given(sentences, st.data())
def test_sentences_are_read_as_they_were_written(
    said: list[list[str]], data: st.DataObject
) -> None:
    raw = b"".join(wire.encode_sentence(word.encode() for word in each) for each in said)
    cuts = data.draw(st.lists(st.integers(0, len(raw)), max_size=8).map(sorted))
    reader = wire.SentenceReader()

    heard = [
        [word.decode() for word in each]
        for begins, ends in pairwise([0, *cuts, len(raw)])
        for each in reader.feed(raw[begins:ends])
    ]

    assert heard == said


def test_empty_sentences_are_ignored() -> None:
    raw = b"\0\0" + wire.encode_sentence([b"!done"]) + b"\0"

    assert list(wire.SentenceReader().feed(raw)) == [[b"!done"]]


@pytest.mark.parametrize("raw", ["f8", "ff", "f07fffffff"])
def test_a_control_byte_and_an_oversized_word_end_the_connection(raw: str) -> None:
    with pytest.raises(wire.Malformed):
        list(wire.SentenceReader().feed(bytes.fromhex(raw)))
