"""What Contacts of phones say about pushes (RFC 8599)."""

import re

import pytest

from signaling.shared.errors import BadMessage
from signaling.shared.push import Provider, Target
from signaling.sip.pn import SIP_PROVIDERS, UnsupportedPush, Wish, device_of, feature_caps, wish_of
from signaling.sip.uri import Uri

VOIP = "0a" * 32
REMOTE = "0b" * 32
FCM = "cFNzb3V0aA:APA91b-H_x"
APP = "org.example.phone"


def uri(parameters: str) -> Uri:
    return Uri.parse(f"sip:alice@192.0.2.10:5101;transport=tcp{parameters}")


def wish(parameters: str, *supported: Provider) -> Wish:
    return wish_of(uri(parameters), supported=supported or SIP_PROVIDERS, apps={})


def apple(
    token: str | None = None, voip: str | None = None, provider: Provider = Provider.APNS
) -> Target:
    return Target(provider, APP, token=token, voip_token=voip, dialect="linphone")


@pytest.mark.parametrize(
    ("parameters", "target"),
    [
        (
            f";pn-provider=apns;pn-param=ABCDE12345.{APP}.voip&remote"
            f";pn-prid={VOIP}:voip&{REMOTE}:remote",
            apple(REMOTE, VOIP),
        ),
        (
            f";pn-provider=apns;pn-param=ABCDE12345.{APP}.remote&voip"
            f";pn-prid={REMOTE}:remote&{VOIP}:voip;pn-silent=1;pn-timeout=0;pn-call-str=IC_MSG",
            apple(REMOTE, VOIP),
        ),
        (
            f";pn-prid={VOIP}%3Avoip%26{REMOTE}%3Aremote;pn-provider=APNS"
            f";pn-param=ABCDE12345.{APP}.voip%26remote",
            apple(REMOTE, VOIP),
        ),
        # The team that apps say which were not told theirs.
        (f";pn-provider=apns;pn-param=ABCD1234.{APP}.voip;pn-prid={VOIP}", apple(voip=VOIP)),
        (
            f";pn-provider=apns;pn-param=ABCDE12345.{APP}.voip;pn-prid={VOIP}:voip",
            apple(voip=VOIP),
        ),
        (f";pn-provider=apns;pn-param=ABCDE12345.{APP}.remote;pn-prid={REMOTE}", apple(REMOTE)),
        (f";pn-provider=apns;pn-param=ABCDE12345.{APP};pn-prid={REMOTE}", apple(REMOTE)),
        (
            f";pn-provider=apns.dev;pn-param=ABCDE12345.{APP}.voip;pn-prid={VOIP.upper()}:voip",
            apple(voip=VOIP, provider=Provider.APNS_DEV),
        ),
        (
            f";pn-provider=fcm;pn-param=929724111839;pn-prid={FCM}",
            Target(Provider.FCM, "929724111839", token=FCM, dialect="linphone"),
        ),
        (f";app-id={APP}.voip.prod;pn-type=apple;pn-tok={VOIP}", apple(voip=VOIP)),
        (f";app-id={APP}.prod;pn-type=apple;pn-tok={REMOTE}", apple(REMOTE)),
        (
            f";app-id={APP}.voip.dev;pn-type=apple;pn-tok={VOIP}",
            apple(voip=VOIP, provider=Provider.APNS_DEV),
        ),
        (
            f";app-id=929724111839;pn-type=firebase;pn-tok={FCM}",
            Target(Provider.FCM, "929724111839", token=FCM, dialect="linphone"),
        ),
    ],
)
def test_a_phone_says_how_it_is_woken(parameters: str, target: Target) -> None:
    assert wish(parameters) == Wish(target)


def test_a_contact_without_parameters_wishes_nothing() -> None:
    assert wish("") == Wish()


def test_a_provider_without_a_name_asks_which_there_are() -> None:
    assert wish(";pn-provider") == Wish(query=True)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        (";pn-provider=apns", "pn-prid is missing"),
        (f";pn-provider=apns;pn-prid={VOIP}", "TEAM.BUNDLE"),
        (f";pn-provider=apns;pn-param={APP}.voip;pn-prid={VOIP}", "TEAM.BUNDLE"),
        (f";pn-provider=apns;pn-param=ABCDE12345.phone.voip;pn-prid={VOIP}", "bundle id"),
        (f";pn-provider=apns;pn-param=ABCDE12345.{APP}.voip;pn-prid=xyz:voip", "hexadecimal"),
        (
            f";pn-provider=apns;pn-param=ABCDE12345.{APP}.voip;pn-prid={VOIP}:voip&{VOIP}:voip",
            "TOKEN:voip",
        ),
        (f";pn-provider=apns;pn-param=ABCDE12345.{APP}.voip;pn-prid={VOIP}:smoke", "TOKEN:voip"),
        (";pn-provider=fcm;pn-param=929724111839;pn-prid=a%20b", "token of fcm"),
        (f";pn-provider=fcm;pn-param=;pn-prid={FCM}", "project"),
        (f";pn-type=apple;app-id={APP};pn-tok={VOIP}", "BUNDLE.prod"),
        (f";pn-type=apple;app-id={APP}.prod", "pn-tok is missing"),
    ],
)
def test_nonsense_is_refused_in_words(parameters: str, words: str) -> None:
    with pytest.raises(BadMessage, match=re.escape(words)) as caught:
        wish(parameters)
    assert not isinstance(caught.value, UnsupportedPush)


@pytest.mark.parametrize(
    "parameters",
    [
        ";pn-provider=webpush;pn-prid=https%3A%2F%2Fpush.example%2F1",
        ";pn-provider=a%0Ab;pn-prid=x",
        f";pn-provider=apns;pn-param=ABCDE12345.{APP}.voip;pn-prid={VOIP}",
        ";pn-type=wp10;app-id=x;pn-tok=y",
    ],
)
def test_a_service_that_is_not_offered_is_told_apart(parameters: str) -> None:
    with pytest.raises(UnsupportedPush) as caught:
        wish(parameters, Provider.FCM)
    assert str(caught.value).isprintable()


def test_services_are_listed_as_feature_capabilities() -> None:
    assert feature_caps([Provider.APNS, Provider.FCM]) == [
        ("Feature-Caps", '*;+sip.pns="apns"'),
        ("Feature-Caps", '*;+sip.pns="fcm"'),
    ]


class TestTheDevice:
    INSTANCE = "<urn:uuid:3FA85F64-5717-4562-B3FC-2C963F66AFA6>"

    def test_is_named_by_its_instance(self) -> None:
        name = "sip-3fa85f64-5717-4562-b3fc-2c963f66afa6"
        assert device_of(self.INSTANCE, uri("")) == name
        assert device_of(self.INSTANCE, uri(f";pn-prid={VOIP}")) == name

    def test_keeps_its_name_with_an_instance_of_another_form(self) -> None:
        name = device_of("<urn:imei:90420156-025763-0>", uri(""))
        assert name is not None
        assert re.fullmatch(r"sip-[0-9a-f]{32}", name)
        assert device_of("<urn:imei:90420156-025763-1>", uri("")) != name

    def test_is_named_by_its_token_where_it_tells_no_instance(self) -> None:
        name = device_of(None, uri(f";pn-prid={FCM}"))
        assert name is not None
        assert FCM not in name
        assert device_of(None, Uri.parse(f"sip:alice@198.51.100.7;pn-prid={FCM}")) == name

    def test_has_no_name_when_nothing_tells_it_from_others(self) -> None:
        assert device_of(None, uri("")) is None
