from pathlib import Path

from signaling.push_offer import apps_of, offer_of, push_info
from signaling.shared.config import Apns, Config, Fcm, Push, Sip
from signaling.shared.push import Provider

KEY = Apns(key_file=Path("key.p8"), key_id="ABCDE12345", team_id="ABCDE12345")


def test_phones_are_offered_what_there_are_credentials_for() -> None:
    assert list(offer_of(Config()).providers) == []
    apple = [Provider.APNS, Provider.APNS_DEV]
    assert offer_of(Config(push=Push(apns=KEY))).providers == apple
    assert offer_of(Config(push=Push(apns=Apns(cert_file=Path("cert.pem"))))).providers == apple
    google = Push(fcm=Fcm(credentials_file=Path("account.json")))
    assert offer_of(Config(push=google)).providers == [Provider.FCM]


def test_a_service_not_offered_is_refused_unless_it_is_to_be_ignored() -> None:
    assert offer_of(Config()).refuses_others
    assert not offer_of(Config(sip=Sip(unsupported_push="ignore"))).refuses_others


def test_the_apps_are_those_of_both_of_apples_services() -> None:
    config = Config(push=Push(apns=Apns(apps=("org.example.phone",))))
    assert apps_of(config)[Provider.APNS] == apps_of(config)[Provider.APNS_DEV]
    assert apps_of(config)[Provider.APNS] == ("org.example.phone",)


def test_browsers_subscribe_with_the_same_key_at_every_start(tmp_path: Path) -> None:
    config = Config(data_dir=tmp_path)
    key = push_info(config).webpush_key
    assert key is not None
    assert len(key) == 87
    assert push_info(config).webpush_key == key
