import re

import pytest

from signaling.shared.errors import BadMessage
from signaling.shared.push import Provider, Subscription, Target
from signaling.shared.push_checks import checked, merged

HEX = "0a" * 32
# The keys of RFC 8291, section 5.
P256DH = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
AUTH = "BTBZMqHH6r4Tts7J_aSIgg"
ENDPOINT = "https://push.example.net/push/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV"
BROWSER = Target(Provider.WEBPUSH, "", subscription=Subscription(ENDPOINT, P256DH, AUTH))


def apns(**changed: str) -> Target:
    return Target(**{"provider": Provider.APNS, "app": "org.example.phone", **changed})  # type: ignore[arg-type]


def web(endpoint: str = ENDPOINT, p256dh: str = P256DH, auth: str = AUTH) -> Target:
    return Target(Provider.WEBPUSH, "", subscription=Subscription(endpoint, p256dh, auth))


@pytest.mark.parametrize(
    "target",
    [
        apns(token=HEX),
        apns(voip_token="0a" * 100),
        apns(token=HEX, voip_token="0b" * 32),
        Target(Provider.APNS_DEV, "org.example.phone", token=HEX),
        Target(Provider.FCM, "929724111839", token="cFNzb3V0aA:APA91b-H_x"),
        BROWSER,
        web("https://ntfy.example.org:8443/up?id=1"),
    ],
)
def test_a_good_target_is_kept_as_it_is(target: Target) -> None:
    assert checked(target, {}) == target


def test_what_means_the_same_is_kept_the_same() -> None:
    assert checked(apns(token=HEX.upper()), {}) == apns(token=HEX)
    assert checked(web(auth=AUTH + "=="), {}) == BROWSER


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (apns(), "needs a token"),
        (apns(token="<" + HEX + ">"), "hexadecimal"),
        (apns(token="0a" * 31), "hexadecimal"),
        (apns(token="0a" * 101), "hexadecimal"),
        (apns(token=HEX + "\n"), "hexadecimal"),
        (apns(token=HEX, voip_token=""), "hexadecimal"),
        (apns(token=HEX, app="phone"), "bundle id"),
        (apns(token=HEX, app="org.example/../phone"), "bundle id"),
        (apns(token=HEX, app="a." * 70 + "b"), "bundle id"),
        (Target(Provider.FCM, "project", token="a token with spaces"), "token of fcm"),
        (Target(Provider.FCM, "project", token="x" * 1025), "token of fcm"),
        (Target(Provider.FCM, "project", voip_token="x" * 32), "Apple's"),
        (Target(Provider.FCM, "pro/ject", token="x" * 32), "project"),
        (Target(Provider.FCM, "", token="x" * 32), "project"),
        (Target(Provider.FCM, "project", subscription=BROWSER.subscription), "goes with webpush"),
        (Target(Provider.WEBPUSH, ""), "subscription"),
        (Target(Provider.WEBPUSH, "", token="x" * 32), "subscription"),
        (web("http://push.example.net/1"), "https"),
        (web("https://user@push.example.net/1"), "https"),
        (web("https:///1"), "https"),
        (web("https://push.example.net:99999/1"), "https"),
        (web("https://push.example.net/1#2"), "https"),
        (web("https://[push/1"), "https"),
        (web("https://push.example.net/ü"), "ASCII"),
        (web("https://push.example.net/1\r\nX: y"), "ASCII"),
        (web("https://push.example.net/" + "1" * 1000), "at most"),
        (web(p256dh=P256DH[:-4]), "65 bytes"),
        (web(p256dh="A" + P256DH[1:]), "65 bytes"),
        (web(p256dh="+/" + P256DH[2:]), "base64url"),
        (web(auth="BTBZ"), "16 bytes"),
        (web(auth="B"), "base64url"),
    ],
)
def test_a_bad_target_is_refused_with_what_to_mend(target: Target, words: str) -> None:
    with pytest.raises(BadMessage, match=re.escape(words)):
        checked(target, {})


def test_an_app_that_the_server_is_not_set_up_for_is_named() -> None:
    apps = {Provider.APNS: {"org.example.phone"}, Provider.FCM: set[str]()}
    assert checked(apns(token=HEX), apps)
    assert checked(Target(Provider.FCM, "any", token="x" * 32), apps)
    with pytest.raises(BadMessage, match=r"org\.other\.phone"):
        checked(apns(token=HEX, app="org.other.phone"), apps)


def test_two_tokens_of_one_app_are_one_target() -> None:
    apart = [apns(token=HEX), apns(voip_token="0b" * 32), apns(token="0c" * 32, app="org.other")]
    together = [apns(token=HEX, voip_token="0b" * 32), apns(token="0c" * 32, app="org.other")]
    assert merged(apart) == together
    assert merged([BROWSER, web("https://other.example/1")]) == [
        BROWSER,
        web("https://other.example/1"),
    ]
