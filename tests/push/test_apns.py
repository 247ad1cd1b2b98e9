"""The sender to Apple, and the connections under it, against a fake that speaks the real wire."""

import asyncio
import gc
import socket
import ssl
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from push import http2, origin
from push.apns import ApnsSender
from push.apns_words import ProviderToken
from push.line import Line
from push.sender import ApnsPush, Outcome, Verdict
from signaling.shared.errors import ConfigError
from tests.push.fake_apns import APP, KEY_ID, TEAM_ID, FakeApns, Reply
from tests.push.fake_http2 import CANCEL, REFUSED_STREAM, FakeConnection, Heard

ACCEPTED = Outcome(Verdict.ACCEPTED, "200 OK")
TOKEN = 32 * "ab"
SECONDS = 20.0
"""More than any test needs, so that only what is meant to time out does."""

MakeApns = Callable[..., ApnsSender]


@pytest.fixture
async def fake(tmp_path: Path) -> AsyncIterator[FakeApns]:
    async with FakeApns(tmp_path / "tls") as fake:
        yield fake
    assert fake.violations == []


@pytest.fixture
async def make(fake: FakeApns) -> AsyncIterator[MakeApns]:
    """Makes senders to the fake; in the end none of them may have anything left."""
    made: list[ApnsSender] = []

    def make_one(**changes: str | Path | None) -> ApnsSender:
        values = {"url": fake.url, "sandbox_url": fake.url, "ca_file": fake.ca_file, **changes}
        token = ProviderToken(fake.pem, key_id=KEY_ID, team_id=TEAM_ID)
        made.append(ApnsSender(token=None if "cert_file" in changes else token, **values))  # type: ignore[arg-type]
        return made[-1]

    yield make_one
    for apns in made:
        await apns.aclose()
    assert not [task for task in asyncio.all_tasks() if "Origin" in repr(task.get_coro())]


@pytest.fixture
def apns(make: MakeApns) -> ApnsSender:
    return make()


def voip(token: str = TOKEN, *, sandbox: bool = False) -> ApnsPush:
    return ApnsPush(
        str(uuid.uuid4()), token, f"{APP}.voip", "voip", 10, 0, b'{"aps":{}}', sandbox=sandbox
    )


def tokens(count: int) -> list[str]:
    return [f"{number:064x}" for number in range(count)]


async def delivered(apns: ApnsSender, push: ApnsPush) -> Outcome:
    """Send again what was surely not processed, as the worker does."""
    while (outcome := await apns.send(push, seconds=SECONDS)).verdict is Verdict.UNSENT:
        pass
    return outcome


class Holding:
    """Answers nothing until it is told to; `full` once so many pushes have come."""

    def __init__(self, count: int) -> None:
        self.held: list[tuple[FakeConnection, Heard]] = []
        self.full = asyncio.Event()
        self._count = count

    def __call__(self, connection: FakeConnection, heard: Heard) -> None:
        self.held.append((connection, heard))
        if len(self.held) >= self._count:
            self.full.set()

    def answer_all(self) -> None:
        for connection, heard in self.held:
            connection.answer(heard.stream, 200, {}, b"")


def silence(connection: FakeConnection, heard: Heard) -> None:
    """No answer ever comes."""


def drop(connection: FakeConnection, heard: Heard) -> None:
    connection.drop()


def refuse_stream(connection: FakeConnection, heard: Heard) -> None:
    connection.reset(heard.stream, REFUSED_STREAM)


class TestPushes:
    async def test_reach_apple_as_they_are_meant(self, fake: FakeApns, apns: ApnsSender) -> None:
        calling, telling = voip(), voip(token=32 * "cd")
        telling = replace(
            telling, topic=APP, push_type="alert", expiration=1_800_000_000, collapse_id="call"
        )
        assert await apns.send(calling, seconds=SECONDS) == ACCEPTED
        assert await apns.send(telling, seconds=SECONDS) == ACCEPTED
        first, second = fake.arrived
        assert (first.id, first.token, first.payload) == (calling.id, TOKEN, b'{"aps":{}}')
        assert first.headers["apns-expiration"] == "0"
        assert first.headers["apns-priority"] == "10"
        assert "apns-collapse-id" not in first.headers
        assert second.headers["apns-expiration"] == "1800000000"
        assert second.headers["apns-collapse-id"] == "call"

    async def test_what_is_too_large_never_leaves(self, fake: FakeApns, apns: ApnsSender) -> None:
        largest = b'{"aps":"' + 5_110 * b"x" + b'"}'
        assert await apns.send(replace(voip(), payload=largest), seconds=SECONDS) == ACCEPTED
        outcome = await apns.send(replace(voip(), payload=largest + b" "), seconds=SECONDS)
        assert outcome == Outcome(Verdict.REFUSED, "PayloadTooLarge")
        assert len(fake.arrived) == 1

    async def test_answers_keep_their_words(self, fake: FakeApns, apns: ApnsSender) -> None:
        fake.script(
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
        assert len(fake.connections) == 1

    async def test_5000_errors_pass_on_one_connection(
        self, fake: FakeApns, apns: ApnsSender
    ) -> None:
        fake.always = Reply(400, "BadDeviceToken")
        for _ in range(50):
            outcomes = await asyncio.gather(
                *(apns.send(voip(token), seconds=SECONDS) for token in tokens(100))
            )
            assert set(outcomes) == {Outcome(Verdict.WRONG_ENVIRONMENT, "BadDeviceToken")}
        assert len(fake.arrived) == 5_000
        assert len(fake.connections) == 1


class TestCredentials:
    async def test_production_and_sandbox_share_one_token(
        self, fake: FakeApns, apns: ApnsSender
    ) -> None:
        await apns.send(voip(), seconds=SECONDS)
        await apns.send(voip(sandbox=True), seconds=SECONDS)
        assert len(fake.connections) == 2
        assert list(fake.authorizations.values()) == [2]

    async def test_an_expired_token_is_replaced_and_the_push_may_go_again(
        self, fake: FakeApns, apns: ApnsSender
    ) -> None:
        fake.script(TOKEN, Reply(403, "ExpiredProviderToken"))
        outcome = await apns.send(voip(), seconds=SECONDS)
        assert outcome == Outcome(Verdict.UNSENT, "ExpiredProviderToken")
        assert await apns.send(voip(), seconds=SECONDS) == ACCEPTED
        assert len(fake.authorizations) == 2

    async def test_tokens_that_keep_expiring_are_the_operators_to_mend(
        self, fake: FakeApns, apns: ApnsSender
    ) -> None:
        fake.always = Reply(403, "ExpiredProviderToken")
        assert await delivered(apns, voip()) == Outcome(Verdict.FAULT, "ExpiredProviderToken")
        assert len(fake.authorizations) == 2

    async def test_a_strange_key_is_refused(self, fake: FakeApns, apns: ApnsSender) -> None:
        fake.key = ec.generate_private_key(ec.SECP256R1())
        outcome = await apns.send(voip(), seconds=SECONDS)
        assert outcome == Outcome(Verdict.FAULT, "InvalidProviderToken")

    async def test_a_certificate_stands_in_for_the_token(
        self, fake: FakeApns, make: MakeApns, tmp_path: Path
    ) -> None:
        certificate = client_certificate(tmp_path / "app.pem")
        fake.tls.verify_mode = ssl.CERT_OPTIONAL
        fake.tls.load_verify_locations(certificate)
        apns = make(cert_file=certificate)
        assert await apns.send(voip(), seconds=SECONDS) == ACCEPTED
        assert not fake.authorizations

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
    async def test_an_address_has_to_be_https(self, make: MakeApns, url: str) -> None:
        with pytest.raises(ConfigError, match="has to be https"):
            make(url=url)


class TestGoAway:
    async def test_over_six_of_them_600_pushes_arrive_once_each(
        self, fake: FakeApns, apns: ApnsSender
    ) -> None:
        taken: Counter[FakeConnection] = Counter()

        def take_100(connection: FakeConnection, heard: Heard) -> None:
            taken[connection] += 1
            if taken[connection] == 100:
                connection.go_away(heard.stream)
                for stream in sorted(connection.open):
                    if stream <= heard.stream:
                        connection.answer(stream, 200, {}, b"")

        fake.always = take_100
        pushes = [voip(token) for token in tokens(600)]
        outcomes = await asyncio.gather(*(delivered(apns, push) for push in pushes))
        assert Counter(outcomes) == {ACCEPTED: 600}
        assert Counter(arrived.id for arrived in fake.arrived) == {push.id: 1 for push in pushes}
        assert list(taken.values()) == 6 * [100]

    async def test_a_drained_connection_is_closed_and_another_kept_ready(
        self, fake: FakeApns, apns: ApnsSender
    ) -> None:
        await apns.send(voip(), seconds=SECONDS)
        first = await fake.opened.get()
        first.go_away(1)
        await first.gone.wait()
        await fake.opened.get()
        assert await apns.send(voip(), seconds=SECONDS) == ACCEPTED
        assert len(fake.connections) == 2


class TestBrokenConnections:
    async def test_a_drop_may_have_come_after_the_push(
        self, fake: FakeApns, apns: ApnsSender
    ) -> None:
        fake.script(TOKEN, drop)
        outcome = await apns.send(voip(), seconds=SECONDS)
        assert outcome == Outcome(Verdict.RETRY, "connection lost")
        assert await apns.send(voip(), seconds=SECONDS) == ACCEPTED
        assert len(fake.arrived) == 2

    async def test_a_refused_stream_is_surely_unsent(
        self, fake: FakeApns, apns: ApnsSender
    ) -> None:
        fake.script(TOKEN, refuse_stream)
        outcome = await apns.send(voip(), seconds=SECONDS)
        assert outcome == Outcome(Verdict.UNSENT, "stream refused")
        assert await apns.send(voip(), seconds=SECONDS) == ACCEPTED
        assert len(fake.connections) == 1

    async def test_a_cancelled_send_ends_its_stream_and_no_other(
        self, fake: FakeApns, apns: ApnsSender
    ) -> None:
        fake.always = holding = Holding(100)
        sends = [
            asyncio.create_task(apns.send(voip(token), seconds=SECONDS)) for token in tokens(100)
        ]
        await holding.full.wait()
        for send in sends[::2]:
            send.cancel()
        # A push on the same connection is behind their RST_STREAM frames.
        fake.always = Reply()
        await apns.send(voip(), seconds=SECONDS)
        holding.answer_all()
        outcomes = await asyncio.gather(*sends, return_exceptions=True)
        assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes[::2])
        assert outcomes[1::2] == 50 * [ACCEPTED]
        assert [heard.reset for _, heard in holding.held].count(CANCEL) == 50
        assert len(fake.arrived) == 101
        assert len(fake.connections) == 1

    async def test_time_that_runs_out_ends_one_push(self, fake: FakeApns, apns: ApnsSender) -> None:
        await apns.warm()
        fake.script(TOKEN, silence)
        assert await apns.send(voip(), seconds=0.05) == Outcome(Verdict.RETRY, "no answer in time")
        assert await apns.send(voip(), seconds=SECONDS) == ACCEPTED
        assert fake.last.requests[1].reset == CANCEL
        assert len(fake.connections) == 1

    async def test_an_answer_in_the_last_moment_is_not_lost(
        self, fake: FakeApns, apns: ApnsSender
    ) -> None:
        def late(connection: FakeConnection, heard: Heard) -> None:
            # The loop stands still meanwhile: answer and time-out come in the same turn of it, and
            # asyncio's loop reads before it looks at its timers.
            time.sleep(0.1)
            fake.reply(connection, heard, Reply())

        await apns.warm()
        fake.always = late
        assert await apns.send(voip(), seconds=0.08) == ACCEPTED

    async def test_a_stalled_connection_is_replaced(
        self, fake: FakeApns, apns: ApnsSender, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(http2, "BUSY_PING_SECONDS", 0.05)
        monkeypatch.setattr(http2, "PING_ANSWER_SECONDS", 0.05)
        await apns.warm()
        stalled = await fake.opened.get()
        stalled.deaf = True
        lost = asyncio.create_task(apns.send(voip(), seconds=SECONDS))
        await fake.opened.get()
        assert await apns.send(voip(), seconds=SECONDS) == ACCEPTED
        assert fake.connections[fake.arrived[0].connection] is not stalled
        lost.cancel()
        await stalled.gone.wait()

    async def test_one_that_breaks_the_protocol_is_left(
        self, fake: FakeApns, apns: ApnsSender
    ) -> None:
        await apns.warm()
        broken = await fake.opened.get()
        broken.write_raw(9 * b"\xff")
        await broken.gone.wait()
        assert broken.violations == ["GOAWAY 6 from the client"]
        broken.violations.clear()
        await fake.opened.get()
        assert await apns.send(voip(), seconds=SECONDS) == ACCEPTED

    async def test_those_that_ended_are_forgotten(self, fake: FakeApns, apns: ApnsSender) -> None:
        await apns.warm()
        for _ in range(5):
            connection = await fake.opened.get()
            assert await apns.send(voip(), seconds=SECONDS) == ACCEPTED
            connection.drop()
        await fake.opened.get()
        assert await apns.send(voip(), seconds=SECONDS) == ACCEPTED
        gc.collect()
        assert sum(isinstance(held, Line) for held in gc.get_objects()) == 1

    async def test_an_idle_one_is_pinged_and_stays(
        self, fake: FakeApns, apns: ApnsSender, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(http2, "IDLE_PING_SECONDS", 0.02)
        await apns.warm()
        for _ in range(3):
            await fake.last.pinged.get()
        assert await apns.send(voip(), seconds=SECONDS) == ACCEPTED
        assert len(fake.connections) == 1


class TestConnecting:
    async def test_a_warm_sender_is_connected_before_its_first_push(
        self, fake: FakeApns, apns: ApnsSender
    ) -> None:
        await apns.warm()
        assert len(fake.connections) == 1
        await apns.send(voip(), seconds=SECONDS)
        assert len(fake.connections) == 1

    async def test_a_lost_connection_comes_back_by_itself(
        self, fake: FakeApns, apns: ApnsSender
    ) -> None:
        await apns.warm()
        (await fake.opened.get()).drop()
        await fake.opened.get()

    async def test_without_a_server_nothing_was_sent(self, fake: FakeApns, make: MakeApns) -> None:
        apns = make(url=f"https://127.0.0.1:{unused_port()}")
        await apns.warm()
        outcome = await apns.send(voip(), seconds=SECONDS)
        assert outcome == Outcome(Verdict.UNSENT, "no connection")

    async def test_a_server_that_comes_back_is_found(
        self, fake: FakeApns, make: MakeApns, tmp_path: Path
    ) -> None:
        late = FakeApns(tmp_path / "tls", port=unused_port())
        apns = make(url=f"https://127.0.0.1:{late.port}")
        await apns.warm()
        late.key = fake.key
        async with late:
            assert await delivered(apns, voip()) == ACCEPTED

    async def test_a_server_without_http2_is_none(
        self, fake: FakeApns, apns: ApnsSender, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fake.tls.set_alpn_protocols(["http/1.1"])
        outcome = await apns.send(voip(), seconds=SECONDS)
        assert outcome == Outcome(Verdict.UNSENT, "no connection")

    async def test_a_server_that_says_nothing_is_none(
        self, fake: FakeApns, apns: ApnsSender, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(origin, "CONNECT_SECONDS", 0.2)
        fake.rules.greets = False
        outcome = await apns.send(voip(), seconds=SECONDS)
        assert outcome == Outcome(Verdict.UNSENT, "no connection")
        assert fake.arrived == []

    async def test_a_strange_authority_is_not_trusted(self, fake: FakeApns, make: MakeApns) -> None:
        outcome = await make(ca_file=None).send(voip(), seconds=SECONDS)
        assert outcome == Outcome(Verdict.FAULT, "certificate not trusted")
        assert fake.arrived == []

    async def test_each_failure_in_a_row_is_followed_by_a_longer_pause(
        self, fake: FakeApns, make: MakeApns, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        failures = recorded_pauses(monkeypatch)
        apns = make(url=f"https://127.0.0.1:{unused_port()}")
        for _ in range(4):
            await apns.send(voip(), seconds=SECONDS)
        assert failures[:3] == [1, 2, 3]

    async def test_a_connection_that_was_of_no_use_counts_as_a_failure(
        self, fake: FakeApns, apns: ApnsSender, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        failures = recorded_pauses(monkeypatch)
        await apns.warm()
        (await fake.opened.get()).go_away(0)
        (await fake.opened.get()).go_away(0)
        await fake.opened.get()
        assert failures == [1, 2]
        assert await apns.send(voip(), seconds=SECONDS) == ACCEPTED
        fake.last.go_away(1)
        await fake.opened.get()
        assert failures == [1, 2]

    def test_no_pause_is_longer_than_a_call_can_wait(self) -> None:
        assert 0.08 <= origin.pause_seconds(1) <= 0.12
        assert 0.16 <= origin.pause_seconds(2) <= 0.24
        assert 1.6 <= origin.pause_seconds(1_000_000) <= 2.4


class TestRoom:
    async def test_a_push_that_found_no_stream_in_time_was_not_sent(
        self, fake: FakeApns, apns: ApnsSender
    ) -> None:
        fake.rules.streams = 1
        fake.always = holding = Holding(1)
        first = asyncio.create_task(apns.send(voip(), seconds=SECONDS))
        await holding.full.wait()
        assert await apns.send(voip(), seconds=0.05) == Outcome(Verdict.UNSENT, "no answer in time")
        holding.answer_all()
        assert await first == ACCEPTED
        assert len(fake.arrived) == 1

    async def test_more_than_may_wait_are_told_to_come_back(
        self, fake: FakeApns, apns: ApnsSender, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(origin, "MAX_WAITING", 1)
        fake.rules.streams = 1
        fake.always = holding = Holding(1)
        first = asyncio.create_task(apns.send(voip(), seconds=SECONDS))
        await holding.full.wait()
        fake.always = Reply()
        second = asyncio.create_task(apns.send(voip(), seconds=SECONDS))
        await asyncio.sleep(0)
        assert await apns.send(voip(), seconds=SECONDS) == Outcome(Verdict.RETRY, "too many pushes")
        holding.answer_all()
        assert [await first, await second] == [ACCEPTED, ACCEPTED]

    async def test_those_who_give_up_make_room(
        self, fake: FakeApns, apns: ApnsSender, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(origin, "MAX_WAITING", 1)
        fake.rules.streams = 1
        fake.always = holding = Holding(1)
        first = asyncio.create_task(apns.send(voip(), seconds=SECONDS))
        await holding.full.wait()
        assert (await apns.send(voip(), seconds=0.05)).reason == "no answer in time"
        assert (await apns.send(voip(), seconds=0.05)).reason == "no answer in time"
        first.cancel()


class TestClosing:
    async def test_what_is_in_flight_is_answered_first(
        self, fake: FakeApns, apns: ApnsSender
    ) -> None:
        fake.always = holding = Holding(1)
        send = asyncio.create_task(apns.send(voip(), seconds=SECONDS))
        await holding.full.wait()
        closing = asyncio.create_task(apns.aclose())
        # One turn of the loop for this task, and one for those of the two connections.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert await apns.send(voip(), seconds=SECONDS) == Outcome(Verdict.UNSENT, "shutting down")
        holding.answer_all()
        assert await send == ACCEPTED
        await closing
        await fake.last.gone.wait()

    async def test_what_is_not_answered_then_may_have_arrived(
        self, fake: FakeApns, apns: ApnsSender, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(origin, "GOODBYE_SECONDS", 0.05)
        fake.always = holding = Holding(1)
        send = asyncio.create_task(apns.send(voip(), seconds=SECONDS))
        await holding.full.wait()
        await apns.aclose()
        assert await send == Outcome(Verdict.RETRY, "shutting down")

    async def test_what_still_waits_was_not_sent(self, fake: FakeApns, make: MakeApns) -> None:
        fake.rules.streams = 1
        fake.always = holding = Holding(1)
        apns = make()
        first = asyncio.create_task(apns.send(voip(), seconds=SECONDS))
        await holding.full.wait()
        waiting = asyncio.create_task(apns.send(voip(), seconds=SECONDS))
        await asyncio.sleep(0)
        closing = asyncio.create_task(apns.aclose())
        assert await waiting == Outcome(Verdict.UNSENT, "shutting down")
        holding.answer_all()
        await closing
        assert await first == ACCEPTED


def recorded_pauses(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """After how many failures it paused; the pauses themselves are none."""
    failures: list[int] = []

    def no_pause(count: int) -> float:
        failures.append(count)
        return 0.0

    monkeypatch.setattr(origin, "pause_seconds", no_pause)
    return failures


def unused_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


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
        async with FakeApns(tmp_path / "tls") as fake:
            token = ProviderToken(fake.pem, key_id=KEY_ID, team_id=TEAM_ID)
            apns = ApnsSender(token=token, url=fake.url, ca_file=fake.ca_file)
            await apns.warm()
            fake.script(TOKEN, silence, refuse_stream, drop)
            outcomes = [await apns.send(voip(), seconds=0.05)]
            outcomes += [await apns.send(voip(), seconds=SECONDS) for _ in range(2)]
            fake.always = lambda connection, heard: connection.go_away(0)
            outcomes += [await apns.send(voip(), seconds=SECONDS)]
            fake.always = Reply()
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
