import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from push.apns import ApnsSender
from push.fcm import FcmSender
from push.providers import NotConfigured, check_senders, senders_of
from push.webpush import WebPushSender
from signaling.shared.config import Apns, Config, Fcm, Push, Webpush
from signaling.shared.errors import OperatorError
from signaling.shared.push import Provider


def pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def by_key(key_file: Path) -> Push:
    return Push(apns=Apns(key_file=key_file, key_id="KEYKEYKEY1", team_id="TEAMTEAM01"))


@pytest.fixture(scope="module")
def service_account() -> dict[str, str]:
    return {
        "type": "service_account",
        "project_id": "phones-1234",
        "private_key_id": "key-1",
        "private_key": pem(rsa.generate_private_key(65537, 2048)),
        "client_email": "push@phones.test",
        "token_uri": "https://google.test/token",
    }


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(data_dir=tmp_path)


class TestSenders:
    def test_what_is_configured_has_its_sender(
        self, config: Config, tmp_path: Path, service_account: dict[str, str]
    ) -> None:
        path, key_file = tmp_path / "fcm.json", tmp_path / "key.p8"
        path.write_text(json.dumps(service_account))
        key_file.write_text(pem(ec.generate_private_key(ec.SECP256R1())))
        push = replace(by_key(key_file), fcm=Fcm(credentials_file=path))
        senders = senders_of(replace(config, push=push))
        assert isinstance(senders[Provider.APNS], ApnsSender)
        assert senders[Provider.APNS_DEV] is senders[Provider.APNS]
        assert isinstance(senders[Provider.FCM], FcmSender)
        assert isinstance(senders[Provider.WEBPUSH], WebPushSender)

    async def test_what_is_not_says_which_key_to_set(self, config: Config) -> None:
        senders = senders_of(config)
        assert set(senders) == set(Provider)
        for provider, key in {
            Provider.APNS: "push.apns.key_file",
            Provider.APNS_DEV: "push.apns.key_file",
            Provider.FCM: "push.fcm.credentials_file",
        }.items():
            outcome = await senders[provider].send(None, seconds=1)
            assert outcome.reason == f"not configured: set {key}"

    def test_browsers_are_pushed_without_any_configuration(self, config: Config) -> None:
        assert isinstance(senders_of(config)[Provider.WEBPUSH], WebPushSender)

    def test_a_domain_without_mail_needs_a_contact(self, config: Config) -> None:
        at_home = replace(config, domain="phones")
        assert isinstance(senders_of(at_home)[Provider.WEBPUSH], NotConfigured)
        told = replace(at_home, push=Push(webpush=Webpush(contact="mailto:me@example.org")))
        assert isinstance(senders_of(told)[Provider.WEBPUSH], WebPushSender)


NOWHERE, TEXT = Path("nowhere"), Path("text")
UNUSABLE = [
    (by_key(NOWHERE), "push.apns: nowhere: cannot be read"),
    (by_key(TEXT), "push.apns: the key for APNs has to be the .p8 file"),
    (Push(apns=Apns(cert_file=NOWHERE)), "push.apns: nowhere has to hold a certificate"),
    (Push(fcm=Fcm(credentials_file=NOWHERE)), "push.fcm: nowhere: cannot be read"),
    (Push(fcm=Fcm(credentials_file=TEXT)), "push.fcm: text: is not JSON"),
    (Push(webpush=Webpush(key_file=NOWHERE)), "push.webpush.key_file: nowhere cannot be read"),
    (Push(webpush=Webpush(key_file=TEXT)), "push.webpush.key_file: text: is not a private key"),
    (
        Push(webpush=Webpush(key_file=Path("vapid.pem"), ca_file=NOWHERE)),
        "push.webpush: nowhere: holds no certificates",
    ),
]


class TestCheck:
    @pytest.mark.parametrize(("push", "told"), UNUSABLE)
    def test_a_file_of_no_use_is_named_with_its_section(
        self, config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, push: Push, told: str
    ) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "text").write_text("no key")
        (tmp_path / "vapid.pem").write_text(pem(ec.generate_private_key(ec.SECP256R1())))
        with pytest.raises(OperatorError) as caught:
            check_senders(replace(config, push=push))
        assert str(caught.value).startswith(told)

    def test_it_makes_no_key(self, config: Config, tmp_path: Path) -> None:
        check_senders(config)
        assert not list(tmp_path.iterdir())


def test_no_provider_is_imported_that_is_not_configured() -> None:
    """In a process of its own, as the tests import all of them."""
    program = (
        "import sys, tempfile, pathlib\n"
        "from push.providers import senders_of\n"
        "from signaling.shared.config import Config\n"
        "import signaling.pushing\n"
        "senders_of(Config(data_dir=pathlib.Path(tempfile.mkdtemp())))\n"
        "print(*{'firebase_admin', 'google', 'redis', 'h2', 'sqlalchemy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.decode().split() == []
