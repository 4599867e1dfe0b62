"""Tests of key derivation: many keys from one master secret, verifiable with public keys."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import VerifyKey

from ticketing.crypto import keyring
from ticketing.crypto.key_queries import PublicKey
from ticketing.crypto.keyring import KeyRing, Signer
from ticketing.crypto.ticket_token import signing_input
from ticketing.events.model import Event
from ticketing.platform.kernel.errors import Misconfigured

MASTER = bytes(range(32))
EVENT, OTHER_EVENT = UUID(int=1), UUID(int=2)


@pytest.fixture
def keys() -> KeyRing:
    return KeyRing(MASTER)


@pytest.mark.parametrize(
    ("secret", "salt_and_info", "key", "output"),
    [
        pytest.param(
            "0b" * 22,
            ("000102030405060708090a0b0c", "f0f1f2f3f4f5f6f7f8f9"),
            "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
            id="RFC 5869 A.1",
        ),
        pytest.param(
            bytes(range(0x50)).hex(),
            (bytes(range(0x60, 0xB0)).hex(), bytes(range(0xB0, 0x100)).hex()),
            "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
            "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
            "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
            "cc30c58179ec3e87c14c01d5c1f3434f1d87",
            id="RFC 5869 A.2",
        ),
        pytest.param(
            "0b" * 22,
            ("", ""),
            "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
            id="RFC 5869 A.3",
        ),
    ],
)
def test_keys_are_derived_as_the_standard_says(
    secret: str, salt_and_info: tuple[str, str], key: str, output: str
) -> None:
    salt, info = map(bytes.fromhex, salt_and_info)

    derived = keyring.hkdf_extract(bytes.fromhex(secret), salt)

    assert derived.hex() == key
    assert keyring.hkdf_expand(derived, info, len(output) // 2).hex() == output


def test_the_signer_of_a_seed_is_the_standard_s() -> None:
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")

    public_key = Signer(seed, 1).public_key.hex()

    assert public_key == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"


@given(st.binary(min_size=24, max_size=24))
def test_a_signature_verifies_with_the_public_key(packed: bytes) -> None:
    signer = KeyRing(MASTER).signer_for_generation(EVENT, 1)

    signature = signer.sign(packed)

    assert VerifyKey(signer.public_key).verify(signing_input(packed), signature)


def test_signing_again_gives_the_same_bytes(keys: KeyRing) -> None:
    signer = keys.signer_for_generation(EVENT, 1)

    assert signer.sign(b"claims") == signer.sign(b"claims")


def test_every_event_generation_and_secret_has_a_key_of_its_own(keys: KeyRing) -> None:
    rings = [keys, KeyRing(MASTER[::-1])]

    public_keys = {
        ring.public_key(event, generation)
        for ring in rings
        for event in (EVENT, OTHER_EVENT)
        for generation in range(1, 256)
    }

    assert len(public_keys) == 2 * 2 * 255


def test_an_event_is_signed_with_its_current_generation(keys: KeyRing) -> None:
    instant = datetime(2026, 12, 12, tzinfo=UTC)
    event = Event(
        id=1, uid=EVENT, slug="wisuda-2026", name="Wisuda", starts_at=instant, ends_at=instant,
        time_zone="Asia/Jakarta", locale="id", venue="Aula", region="ID", template_id="classic",
        key_generation=3,
    )  # fmt: skip

    signer = keys.signer_for_generation(event.uid, event.key_generation)

    assert (signer.generation, signer.public_key) == (3, keys.public_key(EVENT, 3))


def test_the_same_secret_gives_the_same_keys_for_ever(keys: KeyRing) -> None:
    assert keys.public_key(EVENT, 1).hex() == (
        "295d098ba79c6f813b83111cd55ca2e016630896c3284b608e72f69ce9f3c8c0"
    )
    assert keys.magic_link(b"0123456789") == "MDEyMzQ1Njc4OQW3q21x0FZ3lX-xpkLZmvUr"


def test_a_magic_link_is_short_and_has_136_unpredictable_bits(
    keys: KeyRing,
) -> None:
    link = keys.magic_link(b"0123456789")

    assert len(link) == 36
    assert len(urlsafe_b64decode(link)[10:]) * 8 == 136
    assert link.replace("-", "").replace("_", "").isalnum()


@given(st.lists(st.binary(min_size=10, max_size=10), min_size=2, unique=True))
def test_no_two_tickets_share_a_magic_link(token_ids: list[bytes]) -> None:
    keys = KeyRing(MASTER)

    assert len({keys.magic_link(token_id) for token_id in token_ids}) == len(token_ids)


@given(st.binary(min_size=10, max_size=10))
def test_a_magic_link_identifies_its_own_ticket(token_id: bytes) -> None:
    keys = KeyRing(MASTER)

    assert keys.token_id_from_magic_link(keys.magic_link(token_id)) == token_id


@given(
    st.one_of(
        st.text(),
        st.binary(max_size=30).map(lambda raw: urlsafe_b64encode(raw).decode()),
        st.binary(min_size=27, max_size=27).map(lambda raw: urlsafe_b64encode(raw).decode()),
    )
)
def test_a_forged_link_is_refused(text: str) -> None:
    assert KeyRing(MASTER).token_id_from_magic_link(text) is None


@pytest.mark.parametrize(
    "spelling",
    [
        pytest.param(lambda link: link + "=", id="padded"),
        pytest.param(lambda link: link + "\n", id="with an end of line"),
        pytest.param(lambda link: link.lower(), id="in lower case"),
        pytest.param(lambda link: link[:-1], id="cut"),
        pytest.param(lambda link: "A" + link[1:], id="another ticket's"),
    ],
)
def test_a_link_has_one_spelling(keys: KeyRing, spelling: Callable[[str], str]) -> None:
    link = keys.magic_link(b"0123456789")

    assert keys.token_id_from_magic_link(spelling(link)) is None


def test_a_link_of_another_installation_is_refused(keys: KeyRing) -> None:
    assert keys.token_id_from_magic_link(KeyRing(bytes(32)).magic_link(b"0123456789")) is None


@pytest.mark.parametrize("length", [0, 16, 31, 33, 64])
def test_a_master_secret_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(Misconfigured, match="TICKETING_MASTER_SECRET"):
        KeyRing(bytes(length))


def test_a_repeated_request_has_the_same_order_token_and_no_other_has_it(keys: KeyRing) -> None:
    bits = keys.order_token_bytes("7a0c6a52-9a3f-4d0e-8a63-0f6a0f1f6c3e")

    assert bits == keys.order_token_bytes("7a0c6a52-9a3f-4d0e-8a63-0f6a0f1f6c3e")
    assert len(bits) == 32
    assert bits != keys.order_token_bytes("7a0c6a52-9a3f-4d0e-8a63-0f6a0f1f6c3f")
    assert bits != KeyRing(bytes(32)).order_token_bytes("7a0c6a52-9a3f-4d0e-8a63-0f6a0f1f6c3e")


def test_an_installation_has_a_stable_unique_id(keys: KeyRing) -> None:
    assert re.fullmatch("[0-9a-f]{8}", keys.installation_id)
    assert (
        keys.installation_id
        == KeyRing(MASTER).installation_id
        != KeyRing(bytes(32)).installation_id
    )


def test_a_repr_shows_no_secret(keys: KeyRing) -> None:
    signer = keys.signer_for_generation(EVENT, 1)
    shown = f"{keys!r} {keys} {signer!r} {signer}"

    assert signer.public_key.hex() in shown
    assert MASTER.hex() not in shown
    assert repr(MASTER)[2:-1] not in shown
    assert len(shown) < 300


@pytest.fixture
def public_key() -> PublicKey:
    return PublicKey(
        event_number=1,
        event_slug="wisuda-2026",
        generation=2,
        key=bytes.fromhex("19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1"),
        created_at=datetime(2026, 11, 20, tzinfo=UTC),
        retired_at=None,
    )


def test_a_public_key_is_written_as_rfc_8410_shows_it(public_key: PublicKey) -> None:
    assert public_key.pem() == (
        "-----BEGIN PUBLIC KEY-----\n"
        "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n"
        "-----END PUBLIC KEY-----\n"
    )


def test_a_public_key_as_jwk_names_event_and_generation(public_key: PublicKey) -> None:
    assert public_key.jwk() == {
        "kty": "OKP",
        "crv": "Ed25519",
        "alg": "EdDSA",
        "use": "sig",
        "kid": "wisuda-2026/2",
        "x": "Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE",
    }
    assert public_key.hex() == public_key.key.hex()
