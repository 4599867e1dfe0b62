"""Tests of the wire protocol: client and simulator agree on every byte, however it is split."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.routeros import wire
from ticketing.routers.routeros import protocol as routero_protocol

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


@pytest.mark.parametrize("length", [1, 127, 128, 16_383, 16_384, 100_000, 2_097_152])
def test_a_word_of_any_length_arrives(length: int) -> None:
    word = "x" * length

    assert list(
        routero_protocol.SentenceDecoder().feed(routero_protocol.encode_sentence([word]))
    ) == [[word]]


@pytest.mark.parametrize("length", [127, 128, 16_384])
def test_a_word_may_come_byte_by_byte(length: int) -> None:
    raw = routero_protocol.encode_sentence(["x" * length])
    us, them = routero_protocol.SentenceDecoder(), wire.SentenceReader()

    ours_heard = [each for byte in raw for each in us.feed(bytes((byte,)))]
    theirs_heard = [each for byte in raw for each in them.feed(bytes((byte,)))]

    assert ours_heard == [["x" * length]]
    assert theirs_heard == [[b"x" * length]]


def test_an_oversized_sentence_ends_the_connection() -> None:
    raw = wire.encode_sentence([b"x" * wire.MAX_WORD_BYTES] * 5)

    with pytest.raises(wire.Malformed):
        list(wire.SentenceReader().feed(raw))


@given(sentences, st.data())
def test_the_simulator_reads_sentences_as_the_client_writes_them(
    said: list[list[str]], data: st.DataObject
) -> None:
    raw = b"".join(routero_protocol.encode_sentence(each) for each in said)
    cuts = data.draw(st.lists(st.integers(0, len(raw)), max_size=8).map(sorted))
    reader = wire.SentenceReader()

    heard = [
        [word.decode() for word in each]
        for begins, ends in pairwise([0, *cuts, len(raw)])
        for each in reader.feed(raw[begins:ends])
    ]

    assert heard == said


@given(sentences, st.data())
def test_the_client_reads_sentences_as_the_simulator_writes_them(
    said: list[list[str]], data: st.DataObject
) -> None:
    raw = b"".join(wire.encode_sentence(word.encode() for word in each) for each in said)
    cuts = data.draw(st.lists(st.integers(0, len(raw)), max_size=8).map(sorted))
    reader = routero_protocol.SentenceDecoder()

    heard = [
        each
        for begins, ends in pairwise([0, *cuts, len(raw)])
        for each in reader.feed(raw[begins:ends])
    ]

    assert heard == said


def test_empty_sentences_are_ignored() -> None:
    raw = b"\0\0" + wire.encode_sentence([b"!done"]) + b"\0"

    assert list(routero_protocol.SentenceDecoder().feed(raw)) == [["!done"]]
    assert list(wire.SentenceReader().feed(raw)) == [[b"!done"]]


def test_bytes_that_are_not_utf_8_are_read() -> None:
    raw = wire.encode_sentence([b"!re", b"=comment=caf\xe9"])

    assert list(routero_protocol.SentenceDecoder().feed(raw)) == [["!re", "=comment=caf\ufffd"]]


@pytest.mark.parametrize("first", [0xF8, 0xFF])
def test_a_control_byte_ends_the_connection(first: int) -> None:
    with pytest.raises(wire.Malformed):
        list(wire.SentenceReader().feed(bytes((first,))))
    with pytest.raises(routero_protocol.ProtocolError):
        list(routero_protocol.SentenceDecoder().feed(bytes((first,))))


def test_an_oversized_word_is_refused_by_its_length() -> None:
    raw = bytes.fromhex("f07fffffff")

    with pytest.raises(wire.Malformed):
        list(wire.SentenceReader().feed(raw))
    with pytest.raises(routero_protocol.ProtocolError):
        list(routero_protocol.SentenceDecoder().feed(raw))
