import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from push.payload import MAX_ALERT_BYTES, MAX_FCM_BYTES, MAX_VOIP_BYTES, MAX_WEB_BYTES, compose
from push.sender import ApnsPush, FcmPush, WebPush
from signaling.shared.push import Notice, Provider, PushKind, Target
from tests.push.jobs import ANDROID, BROWSER, CALL, IPHONE, NOW, PLAIN_IPHONE, job, notice

PUSH_ID = "0e7c4f46-0000-5000-8000-000000000001"
LINPHONE_IPHONE = replace(IPHONE, dialect="linphone")
LINPHONE_ANDROID = replace(ANDROID, dialect="linphone")


def composed(
    target: Target, kind: PushKind = PushKind.CALL, told: Notice | None = None, now: float = NOW
) -> ApnsPush | FcmPush | WebPush | None:
    told = told or notice()
    return compose(job(target, kind, told=told), target, told, push_id=PUSH_ID, now=now)


def apns(target: Target, kind: PushKind = PushKind.CALL, **options: Any) -> ApnsPush:
    push = composed(target, kind, **options)
    assert isinstance(push, ApnsPush)
    return push


def fcm(target: Target, kind: PushKind = PushKind.CALL, **options: Any) -> FcmPush:
    push = composed(target, kind, **options)
    assert isinstance(push, FcmPush)
    return push


def web(kind: PushKind = PushKind.CALL, **options: Any) -> WebPush:
    push = composed(BROWSER, kind, **options)
    assert isinstance(push, WebPush)
    return push


OWN = {
    "kind": "call",
    "call": CALL,
    "account": "account-1",
    "from": "alice@phones.test",
    "name": "Alice",
    "ring_seconds": 45,
    "expires_at": NOW + 45,
}


class TestVoip:
    def test_a_call_comes_by_pushkit_now_or_never(self) -> None:
        push = apns(IPHONE)
        assert (push.push_type, push.priority, push.expiration) == ("voip", 10, 0)
        assert (push.topic, push.token) == ("org.example.phone.voip", "bb22")
        assert (push.id, push.sandbox, push.collapse_id) == (PUSH_ID, False, None)
        assert json.loads(push.payload) == {"aps": {}, **OWN}

    def test_the_sandbox_is_another_server(self) -> None:
        assert apns(replace(IPHONE, provider=Provider.APNS_DEV)).sandbox

    @pytest.mark.parametrize("kind", [kind for kind in PushKind if kind is not PushKind.CALL])
    @pytest.mark.parametrize("dialect", ["wsphone", "linphone"])
    def test_nothing_else_ever_comes_that_way(self, kind: PushKind, dialect: Any) -> None:
        push = composed(replace(IPHONE, dialect=dialect), kind)
        assert push is None or (isinstance(push, ApnsPush) and push.push_type != "voip")
        assert composed(replace(IPHONE, dialect=dialect, token=None), kind) is None

    def test_the_end_of_a_call_is_not_pushed_to_a_phone_that_voip_woke(self) -> None:
        assert composed(IPHONE, PushKind.ENDED) is None

    def test_the_ring_time_is_what_is_left_of_it(self) -> None:
        assert json.loads(apns(IPHONE, now=NOW + 14.2).payload)["ring_seconds"] == 31

    @given(st.text(max_size=3000), st.text(max_size=3000))
    def test_it_stays_small_whatever_strangers_call_themselves(self, name: str, user: str) -> None:
        told = notice(from_name=name, from_address=f"{user}@phones.test", sip_call_id="c" * 64)
        for target in (IPHONE, LINPHONE_IPHONE):
            payload = apns(target, told=told).payload
            assert len(payload) <= MAX_VOIP_BYTES
            assert CALL in payload.decode() or "c" * 64 in payload.decode()

    def test_a_name_is_cut_before_an_address(self) -> None:
        payload = json.loads(apns(IPHONE, told=notice(from_name="é" * 2000)).payload)
        assert payload["name"] == "é" * 64
        assert payload["from"] == "alice@phones.test"


class TestAlerts:
    def test_a_call_to_a_phone_without_a_voip_token_is_an_alert(self) -> None:
        push = apns(PLAIN_IPHONE)
        assert (push.push_type, push.priority, push.topic) == ("alert", 10, "org.example.phone")
        assert (push.token, push.expiration) == ("aa11", NOW + 45)
        payload = json.loads(push.payload)
        assert payload["aps"]["alert"] == {"title": "Alice", "body": "Incoming call"}
        assert {key: payload[key] for key in OWN} == OWN

    def test_its_end_takes_its_place_without_a_sound(self) -> None:
        ended = apns(PLAIN_IPHONE, PushKind.ENDED, told=notice(reason="answered_elsewhere"))
        assert ended.collapse_id == apns(PLAIN_IPHONE).collapse_id == CALL
        payload = json.loads(ended.payload)
        assert "sound" not in payload["aps"]
        assert payload["reason"] == "answered_elsewhere"
        assert "ring_seconds" not in payload

    def test_a_missed_call_is_an_ordinary_alert(self) -> None:
        push = apns(IPHONE, PushKind.MISSED)
        assert (push.push_type, push.topic, push.token) == ("alert", "org.example.phone", "aa11")
        assert json.loads(push.payload)["aps"]["alert"]["body"] == "Missed call"

    def test_a_proof_is_silent(self) -> None:
        push = apns(IPHONE, PushKind.PROOF, told=Notice(NOW + 600, nonce="n1"))
        assert (push.push_type, push.priority, push.collapse_id) == ("background", 5, None)
        assert json.loads(push.payload) == {
            "aps": {"content-available": 1},
            "kind": "proof",
            "expires_at": NOW + 600,
            "nonce": "n1",
        }

    def test_it_fits(self) -> None:
        told = notice(from_name="x" * 5000, from_address="y" * 5000)
        for target in (PLAIN_IPHONE, replace(LINPHONE_IPHONE, voip_token=None)):
            assert len(apns(target, told=told).payload) <= MAX_ALERT_BYTES


class TestFirebase:
    def test_a_call_is_urgent_data_that_lives_while_it_rings(self) -> None:
        push = fcm(ANDROID, now=NOW + 5.5)
        assert (push.high_priority, push.ttl_seconds, push.notification) == (True, 40, None)
        assert (push.project, push.token) == ("phones-1234", "fcm-token")
        assert push.data == {
            "kind": "call",
            "call": CALL,
            "account": "account-1",
            "from_address": "alice@phones.test",
            "name": "Alice",
            "ring_seconds": "40",
            "expires_at": "1700000045.0",
        }

    def test_no_name_is_one_that_firebase_keeps_to_itself(self) -> None:
        told = notice(reason="busy", nonce="n1", sip_call_id="c1")
        for target in (ANDROID, LINPHONE_ANDROID):
            names = set(fcm(target, told=told).data)
            assert not names & {"from", "message_type", "notification", "collapse_key"}
            assert not [name for name in names if name.startswith(("google", "gcm"))]

    @pytest.mark.parametrize("kind", [PushKind.ENDED, PushKind.MISSED, PushKind.PROOF])
    def test_what_need_not_show_at_once_is_not_urgent(self, kind: PushKind) -> None:
        push = fcm(ANDROID, kind)
        assert not push.high_priority
        assert push.data["kind"] == kind.value

    def test_it_fits(self) -> None:
        told = notice(from_name="é" * 5000, from_address="y" * 5000)
        for target in (ANDROID, LINPHONE_ANDROID):
            data = fcm(target, told=told).data
            assert sum(len(k.encode()) + len(v.encode()) for k, v in data.items()) <= MAX_FCM_BYTES


class TestWeb:
    def test_a_call_is_urgent_and_lives_while_it_rings(self) -> None:
        push = web(now=NOW + 5.5)
        assert (push.urgency, push.ttl_seconds) == ("high", 40)
        assert push.subscription == BROWSER.subscription
        assert json.loads(push.payload) == OWN | {"ring_seconds": 40}

    def test_the_end_replaces_a_call_that_was_not_delivered(self) -> None:
        ended, ringing = web(PushKind.ENDED), web()
        assert ended.topic == ringing.topic
        assert ended.urgency == "normal"

    def test_another_call_has_another_topic_of_32_characters(self) -> None:
        topics = {web(told=replace(notice(), call=call)).topic for call in ("c1", "c2")}
        assert len(topics) == 2
        assert all(topic is not None and len(topic) == 32 for topic in topics)

    def test_what_is_about_no_call_replaces_nothing(self) -> None:
        assert web(PushKind.PROOF, told=Notice(NOW + 600, nonce="n1")).topic is None

    def test_it_fits(self) -> None:
        told = notice(from_name="\x01" * 5000, from_address="\x01" * 5000)
        assert len(web(told=told).payload) <= MAX_WEB_BYTES


class TestLinphone:
    TOLD = notice(sip_call_id="call-id-of-the-invite")

    def test_a_voip_push_names_the_invite_that_follows(self) -> None:
        assert json.loads(apns(LINPHONE_IPHONE, told=self.TOLD).payload) == {
            "aps": {
                "sound": "",
                "loc-key": "IC_MSG",
                "loc-args": ["Alice"],
                "call-id": "call-id-of-the-invite",
                "uuid": "device-1",
                "send-time": "2023-11-14 22:13:20",
            },
            "from-uri": "sip:alice@phones.test",
            "display-name": "Alice",
            "pn_ttl": 45,
            "customPayload": {},
        }

    def test_without_a_voip_token_it_is_an_alert_with_its_words(self) -> None:
        push = apns(replace(LINPHONE_IPHONE, voip_token=None), told=self.TOLD)
        aps = json.loads(push.payload)["aps"]
        assert aps["alert"] == {"loc-key": "IC_MSG", "loc-args": ["Alice"]}
        assert aps["call-id"] == "call-id-of-the-invite"

    def test_an_android_phone_gets_data(self) -> None:
        assert fcm(LINPHONE_ANDROID, told=self.TOLD).data == {
            "uuid": "device-1",
            "from-uri": "sip:alice@phones.test",
            "display-name": "Alice",
            "call-id": "call-id-of-the-invite",
            "sip-from": "Alice",
            "loc-key": "IC_MSG",
            "loc-args": "Alice",
            "send-time": "2023-11-14 22:13:20",
            "custom-payload": "{}",
        }

    def test_a_missed_call_is_shown_by_android_itself(self) -> None:
        push = fcm(LINPHONE_ANDROID, PushKind.MISSED)
        assert push.notification == {"title": "Alice", "body": "Missed call"}
        assert (push.data, push.high_priority) == ({}, False)

    @pytest.mark.parametrize("kind", [PushKind.ENDED, PushKind.PROOF])
    def test_what_it_would_not_understand_is_not_sent(self, kind: PushKind) -> None:
        assert composed(LINPHONE_ANDROID, kind) is None


@pytest.mark.parametrize(
    "target", [replace(ANDROID, token=None), replace(BROWSER, subscription=None)]
)
def test_a_target_that_leads_nowhere_gets_nothing(target: Target) -> None:
    assert composed(target) is None
