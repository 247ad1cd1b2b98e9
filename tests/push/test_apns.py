"""The sender to Apple, against a fake that speaks the real wire."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from push.apns import ApnsSender
from push.apns_words import ProviderToken
from push.sender import Outcome, Verdict
from signaling.shared.errors import ConfigError
from tests.push.apns_lab import (
    ACCEPTED,
    SECONDS,
    TOKEN,
    MakeApns,
    delivered,
    drop,
    refuse_stream,
    silence,
    tokens,
    voip,
)
from tests.push.fake_apns import APP, KEY_ID, TEAM_ID, FakeApns, Reply


class TestPushes:
    async def test_reach_apple_as_they_are_meant(self, apple: FakeApns, apns: ApnsSender) -> None:
        calling, telling = voip(), voip(token=32 * "cd")
        telling = replace(
            telling, topic=APP, push_type="alert", expiration=1_800_000_000, collapse_id="call"
        )
        assert await apns.send(calling, seconds=SECONDS) == ACCEPTED
        assert await apns.send(telling, seconds=SECONDS) == ACCEPTED
        first, second = apple.arrived
        assert (first.id, first.token, first.payload) == (calling.id, TOKEN, b'{"aps":{}}')
        assert first.headers["apns-expiration"] == "0"
        assert first.headers["apns-priority"] == "10"
        assert "apns-collapse-id" not in first.headers
        assert second.headers["apns-expiration"] == "1800000000"
        assert second.headers["apns-collapse-id"] == "call"

    async def test_what_is_too_large_never_leaves(self, apple: FakeApns, apns: ApnsSender) -> None:
        largest = b'{"aps":"' + 5_110 * b"x" + b'"}'
        assert await apns.send(replace(voip(), payload=largest), seconds=SECONDS) == ACCEPTED
        outcome = await apns.send(replace(voip(), payload=largest + b" "), seconds=SECONDS)
        assert outcome == Outcome(Verdict.REFUSED, "PayloadTooLarge")
        assert len(apple.arrived) == 1

    async def test_answers_keep_their_words(self, apple: FakeApns, apns: ApnsSender) -> None:
        apple.script(
            TOKEN,
            Reply(410, "Unregistered", timestamp=1_700_000_000_000),
            Reply(400, "BadDeviceToken"),
            Reply(503, "ServiceUnavailable", headers={"retry-after": "7"}),
            Reply(429, headers={"retry-after": "3"}),
            Reply(500),
        )
        assert [await apns.send(voip(), seconds=SECONDS) for _ in range(6)] == [
            Outcome(Verdict.DEAD, "Unregistered", dead_since=1_700_000_000.0),
            Outcome(Verdict.WRONG_ENVIRONMENT, "BadDeviceToken"),
            Outcome(Verdict.RETRY, "ServiceUnavailable", retry_after=7.0),
            Outcome(Verdict.RETRY, "429 Too Many Requests", retry_after=3.0),
            Outcome(Verdict.RETRY, "500 Internal Server Error"),
            ACCEPTED,
        ]
        assert len(apple.connections) == 1

    async def test_5000_errors_pass_on_one_connection(
        self, apple: FakeApns, apns: ApnsSender
    ) -> None:
        apple.always = Reply(400, "BadDeviceToken")
        for _ in range(50):
            outcomes = await asyncio.gather(
                *(apns.send(voip(token), seconds=SECONDS) for token in tokens(100))
            )
            assert set(outcomes) == {Outcome(Verdict.WRONG_ENVIRONMENT, "BadDeviceToken")}
        assert len(apple.arrived) == 5_000
        assert len(apple.connections) == 1


class TestCredentials:
    async def test_production_and_sandbox_share_one_token(
        self, apple: FakeApns, apns: ApnsSender
    ) -> None:
        await apns.send(voip(), seconds=SECONDS)
        await apns.send(voip(sandbox=True), seconds=SECONDS)
        assert len(apple.connections) == 2
        assert list(apple.authorizations.values()) == [2]

    async def test_an_expired_token_is_replaced_and_the_push_may_go_again(
        self, apple: FakeApns, apns: ApnsSender
    ) -> None:
        apple.script(TOKEN, Reply(403, "ExpiredProviderToken"))
        outcome = await apns.send(voip(), seconds=SECONDS)
        assert outcome == Outcome(Verdict.UNSENT, "ExpiredProviderToken")
        assert await apns.send(voip(), seconds=SECONDS) == ACCEPTED
        assert len(apple.authorizations) == 2

    async def test_tokens_that_keep_expiring_are_the_operators_to_mend(
        self, apple: FakeApns, apns: ApnsSender
    ) -> None:
        apple.always = Reply(403, "ExpiredProviderToken")
        assert await delivered(apns, voip()) == Outcome(Verdict.FAULT, "ExpiredProviderToken")
        assert len(apple.authorizations) == 2

    async def test_a_strange_key_is_refused(self, apple: FakeApns, apns: ApnsSender) -> None:
        apple.key = ec.generate_private_key(ec.SECP256R1())
        outcome = await apns.send(voip(), seconds=SECONDS)
        assert outcome == Outcome(Verdict.FAULT, "InvalidProviderToken")

    async def test_a_certificate_stands_in_for_the_token(
        self, apple: FakeApns, make_apns: MakeApns, tmp_path: Path
    ) -> None:
        certificate = client_certificate(tmp_path / "app.pem")
        apple.tls.verify_mode = ssl.CERT_OPTIONAL
        apple.tls.load_verify_locations(certificate)
        apns = make_apns(cert_file=certificate)
        assert await apns.send(voip(), seconds=SECONDS) == ACCEPTED
        assert not apple.authorizations

    async def test_one_of_the_two_has_to_be_there(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="either a key or a certificate"):
            ApnsSender()
        with pytest.raises(ConfigError, match="certificate and its key in PEM"):
            ApnsSender(cert_file=tmp_path / "missing.pem")
        with pytest.raises(ConfigError, match="no certificates in PEM"):
            ApnsSender(cert_file=tmp_path / "x.pem", ca_file=tmp_path / "missing.pem")

    @pytest.mark.parametrize(
        "url", ["http://a.example", "https://", "https://a.example/x", "https://u@a.example", "a:x"]
    )
    async def test_an_address_has_to_be_https(self, make_apns: MakeApns, url: str) -> None:
        with pytest.raises(ConfigError, match="has to be https"):
            make_apns(url=url)


def client_certificate(path: Path) -> Path:
    """A certificate that vouches for itself, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, APP)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_both_loops_serve(
    new_loop: Callable[[], asyncio.AbstractEventLoop], tmp_path: Path
) -> None:
    """Production runs on uvloop, the tests above on asyncio's own."""

    async def push_through_trouble() -> list[Outcome]:
        async with FakeApns(tmp_path / "tls") as apple:
            token = ProviderToken(apple.pem, key_id=KEY_ID, team_id=TEAM_ID)
            apns = ApnsSender(token=token, url=apple.url, ca_file=apple.ca_file)
            await apns.warm()
            apple.script(TOKEN, silence, refuse_stream, drop)
            outcomes = [await apns.send(voip(), seconds=0.05)]
            outcomes += [await apns.send(voip(), seconds=SECONDS) for _ in range(2)]
            apple.always = lambda connection, heard: connection.go_away(0)
            outcomes += [await apns.send(voip(), seconds=SECONDS)]
            apple.always = Reply()
            outcomes += [await apns.send(voip(), seconds=SECONDS)]
            await apns.aclose()
            return outcomes

    with asyncio.Runner(loop_factory=new_loop) as runner:
        outcomes = runner.run(push_through_trouble())
    assert [outcome.reason for outcome in outcomes] == [
        "no answer in time",
        "stream refused",
        "connection lost",
        "goaway",
        "200 OK",
    ]
