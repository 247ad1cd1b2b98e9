"""Our own credentials towards push services."""

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from push.vapid import Vapid
from signaling.shared.errors import ConfigError
from tests.push.fake_webpush import unbase64url

CONTACT = "mailto:admin@phones.test"
NOW = 1_700_000_000.0


def pem(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.fixture
def vapid() -> Vapid:
    return Vapid(key=pem(ec.generate_private_key(ec.SECP256R1())), contact=CONTACT)


def test_the_public_key_is_a_point_in_base64url(vapid: Vapid) -> None:
    point = unbase64url(vapid.public_key)
    assert len(point) == 65
    assert point[0] == 4


def test_one_origin_keeps_its_header_for_hours(vapid: Vapid) -> None:
    first = vapid.header("https://a.example", now=NOW)
    assert vapid.header("https://a.example", now=NOW + 6 * 3600 - 1) == first
    assert vapid.header("https://a.example", now=NOW + 6 * 3600) != first


def test_a_clock_that_was_set_back_makes_a_new_header(vapid: Vapid) -> None:
    # RFC 8292 has services refuse an end that is more than a day ahead.
    first = vapid.header("https://a.example", now=NOW)
    assert vapid.header("https://a.example", now=NOW - 24 * 3600) != first


def test_each_origin_has_a_header_of_its_own(vapid: Vapid) -> None:
    first = vapid.header("https://a.example", now=NOW)
    assert vapid.header("https://b.example", now=NOW) != first
    assert vapid.header("https://a.example", now=NOW) == first


def test_strangers_cannot_fill_the_memory_with_origins(vapid: Vapid) -> None:
    first = vapid.header("https://a.example", now=NOW)
    for number in range(256):
        vapid.header(f"https://{number}.example", now=NOW)
    assert vapid.header("https://a.example", now=NOW) != first


@pytest.mark.parametrize("contact", ["", "admin@phones.test", "mailto:", "tel:110"])
def test_a_contact_that_is_none_is_told_at_the_start(contact: str) -> None:
    key = pem(ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(ConfigError, match=r"push\.webpush\.contact"):
        Vapid(key=key, contact=contact)


@pytest.mark.parametrize(
    "make",
    [
        lambda: b"",
        lambda: b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        lambda: pem(ec.generate_private_key(ec.SECP384R1())),
        lambda: pem(ed25519.Ed25519PrivateKey.generate()),
    ],
)
def test_a_key_of_another_kind_is_told_at_the_start(make: Callable[[], bytes]) -> None:
    with pytest.raises(ConfigError, match="VAPID key"):
        Vapid(key=make(), contact=CONTACT)
