"""Web Push to a service that decrypts, and to services that mean no good."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from push.endpoints import EndpointRules
from push.https import MAX_ANSWER_BYTES
from push.sender import Outcome, Verdict, WebPush
from push.vapid import Vapid
from push.webpush import MAX_PAYLOAD_BYTES, WebPushSender
from signaling.shared.errors import ConfigError
from tests.push.fake_dns import Names
from tests.push.fake_https import DROP, LOOPBACK, STALL, Certificates, FakeHttps, Reply, Script
from tests.push.fake_webpush import HOST, FakeWebPush
from tests.push.loop_clock import let_pass
from tests.push.test_vapid import CONTACT, pem

OTHER_HOST = f"other.{HOST}"
ENOUGH_SECONDS = 20.0
# For an exchange on loopback, on a machine that does other things too.
LONG_ENOUGH = 2.0


@dataclass
class Lab:
    """A push service, and a sender that may reach it although it is on loopback."""

    service: FakeWebPush
    sender: WebPushSender
    names: Names

    def push(self, payload: bytes = b"ring", **fields: Any) -> WebPush:
        push = WebPush(
            self.service.subscription(), payload, ttl_seconds=45, urgency="high", topic="t0p1c"
        )
        return replace(push, **fields)

    async def send(self, **fields: Any) -> Outcome:
        return await self.sender.send(self.push(**fields), seconds=ENOUGH_SECONDS)

    @property
    def heard(self) -> int:
        return len(self.service.server.heard)


@asynccontextmanager
async def open_lab(
    certificates: Certificates,
    *,
    networks: Iterable[str] = ("127.0.0.0/8",),
    trusted: bool = True,
) -> AsyncIterator[Lab]:
    vapid = Vapid(key=pem(ec.generate_private_key(ec.SECP256R1())), contact=CONTACT)
    service = FakeWebPush(certificates, vapid.public_key, time.time())
    names = Names()
    async with service.server:
        hosts = [f"{host}:{service.port}" for host in (HOST, OTHER_HOST)]
        sender = WebPushSender(
            vapid,
            EndpointRules(hosts, map(ip_network, networks)),
            ca_file=certificates.ca_file if trusted else None,
            look_up=lambda: names,
        )
        try:
            yield Lab(service, sender, names)
        finally:
            await sender.aclose()


@pytest.fixture
async def lab(certificates: Certificates) -> AsyncIterator[Lab]:
    async with open_lab(certificates) as lab:
        yield lab


class TestDelivery:
    async def test_the_browser_reads_what_was_sent(self, lab: Lab) -> None:
        outcome = await lab.send(payload="Größe 🔔".encode())
        assert outcome == Outcome(Verdict.ACCEPTED, "201 Created")
        [pushed] = lab.service.pushed
        assert pushed.payload.decode() == "Größe 🔔"

    async def test_the_headers_say_how_long_and_how_urgent(self, lab: Lab) -> None:
        await lab.send()
        await lab.send(urgency="normal", ttl_seconds=0, topic=None)
        call, other = (pushed.headers for pushed in lab.service.pushed)
        assert (call["ttl"], call["urgency"], call["topic"]) == ("45", "high", "t0p1c")
        assert (other["ttl"], other["urgency"]) == ("0", "normal")
        assert "topic" not in other

    async def test_we_say_who_we_are(self, lab: Lab) -> None:
        await lab.send()
        assert lab.service.pushed[0].claims["sub"] == CONTACT

    async def test_the_same_message_never_looks_the_same(self, lab: Lab) -> None:
        await lab.send()
        await lab.send()
        first, second = (heard.body for heard in lab.service.server.heard)
        # RFC 8188: a salt used twice with one key would give the messages away.
        assert first[:86] != second[:86]
        assert lab.service.pushed[0].payload == lab.service.pushed[1].payload

    async def test_the_longest_payload_fits_what_services_take(self, lab: Lab) -> None:
        longest = await lab.send(payload=b"x" * MAX_PAYLOAD_BYTES)
        longer = await lab.send(payload=b"x" * (MAX_PAYLOAD_BYTES + 1))
        assert longest.verdict is Verdict.ACCEPTED
        assert longer == Outcome(Verdict.REFUSED, "payload too large")
        assert len(lab.service.server.heard[0].body) == 4096
        assert lab.heard == 1

    async def test_connections_are_used_again(self, lab: Lab) -> None:
        for _ in range(5):
            await lab.send()
        assert len(lab.service.pushed) == 5
        assert lab.service.server.connections == 1

    async def test_many_at_once_each_arrive_once(self, lab: Lab) -> None:
        payloads = [str(number).encode() for number in range(200)]
        outcomes = await asyncio.gather(*(lab.send(payload=each) for each in payloads))
        assert {outcome.verdict for outcome in outcomes} == {Verdict.ACCEPTED}
        assert sorted(pushed.payload for pushed in lab.service.pushed) == sorted(payloads)


class TestVerdicts:
    @pytest.mark.parametrize(
        ("reply", "outcome"),
        [
            (Reply(404), Outcome(Verdict.DEAD, "404 Not Found")),
            (Reply(410), Outcome(Verdict.DEAD, "410 Gone")),
            (Reply(413), Outcome(Verdict.REFUSED, "413 Request Entity Too Large")),
            (Reply(403), Outcome(Verdict.FAULT, "403 Forbidden")),
            (
                Reply(429, headers={"Retry-After": "3"}),
                Outcome(Verdict.RETRY, "429 Too Many Requests", retry_after=3.0),
            ),
            (Reply(503), Outcome(Verdict.RETRY, "503 Service Unavailable")),
            (DROP, Outcome(Verdict.RETRY, "connection lost")),
        ],
    )
    async def test_what_the_service_answers_is_told(
        self, lab: Lab, reply: Script, outcome: Outcome
    ) -> None:
        lab.service.script.append(reply)
        assert await lab.send() == outcome
        assert lab.heard == 1, "one attempt is on the wire once"

    async def test_after_a_failure_the_next_push_arrives(self, lab: Lab) -> None:
        lab.service.script += [DROP, Reply(500)]
        verdicts = [(await lab.send()).verdict for _ in range(3)]
        assert verdicts == [Verdict.RETRY, Verdict.RETRY, Verdict.ACCEPTED]

    @pytest.mark.parametrize(
        "keys",
        [
            {"p256dh": ""},
            {"p256dh": "****"},
            # Characters that a lenient decoder skips.
            {"auth": "AAAAAAAAAA    AAAAAAAAAAAA"},
            {"p256dh": "B" * 87},
            {"p256dh": "BA" + "A" * 4000},
            {"auth": ""},
            {"auth": "AAAA"},
            {"auth": "ä" * 22},
        ],
    )
    async def test_a_subscription_without_usable_keys_is_dead(
        self, lab: Lab, keys: dict[str, str]
    ) -> None:
        subscription = lab.service.subscription()
        fields = {"p256dh": subscription.p256dh, "auth": subscription.auth} | keys
        broken = type(subscription)(subscription.endpoint, **fields)
        outcome = await lab.send(subscription=broken)
        assert outcome == Outcome(Verdict.DEAD, "no usable keys")
        assert lab.heard == 0

    async def test_keys_may_have_their_padding(self, lab: Lab) -> None:
        bare = lab.service.subscription()
        padded = type(bare)(bare.endpoint, bare.p256dh + "=", bare.auth + "==")
        assert (await lab.send(subscription=padded)).verdict is Verdict.ACCEPTED

    async def test_a_topic_that_would_break_the_request_is_not_sent(self, lab: Lab) -> None:
        outcome = await lab.send(topic="a\r\nHost: example.org")
        assert outcome == Outcome(Verdict.REFUSED, "not sendable")
        assert lab.heard == 0

    async def test_a_service_that_cannot_be_reached_got_nothing(self, lab: Lab) -> None:
        with socket.socket() as unused:
            unused.bind((LOOPBACK, 0))
            port = unused.getsockname()[1]
            vapid = Vapid(key=pem(ec.generate_private_key(ec.SECP256R1())), contact=CONTACT)
            rules = EndpointRules([f"{HOST}:{port}"], [ip_network("127.0.0.0/8")])
            sender = WebPushSender(vapid, rules, look_up=lambda: lab.names)
            subscription = replace_endpoint(lab.push(), f"https://{HOST}:{port}/")
            outcome = await sender.send(subscription, seconds=ENOUGH_SECONDS)
            await sender.aclose()
        assert outcome == Outcome(Verdict.UNSENT, "no connection")

    async def test_a_name_that_is_not_found_got_nothing(self, lab: Lab) -> None:
        lab.names.script = [()]
        assert await lab.send() == Outcome(Verdict.UNSENT, "name not found")

    async def test_a_certificate_of_strangers_needs_the_operator(
        self, certificates: Certificates
    ) -> None:
        async with open_lab(certificates, trusted=False) as lab:
            assert await lab.send() == Outcome(Verdict.FAULT, "certificate not trusted")
            assert lab.heard == 0


def replace_endpoint(push: WebPush, endpoint: str) -> WebPush:
    old = push.subscription
    return replace(push, subscription=type(old)(endpoint, old.p256dh, old.auth))


class TestForgedEndpoints:
    async def test_a_host_that_is_not_allowed_is_not_even_looked_up(self, lab: Lab) -> None:
        push = replace_endpoint(lab.push(), "https://internal.example/")
        outcome = await lab.sender.send(push, seconds=ENOUGH_SECONDS)
        assert outcome == Outcome(Verdict.REFUSED, "the endpoint's host is not allowed")
        assert lab.names.asked == []

    @pytest.mark.parametrize(
        "addresses",
        [
            (LOOPBACK,),
            ("8.8.8.8", LOOPBACK),
            ("::ffff:127.0.0.1",),
            ("::1",),
            ("169.254.169.254",),
            ("fe80::1",),
        ],
    )
    async def test_an_allowed_name_at_a_private_address_is_refused(
        self, certificates: Certificates, addresses: tuple[str, ...]
    ) -> None:
        async with open_lab(certificates, networks=()) as lab:
            lab.names.script = [addresses]
            assert await lab.send() == Outcome(Verdict.REFUSED, "address not allowed")
            assert lab.service.server.connections == 0

    async def test_each_new_connection_is_made_to_addresses_that_were_checked(
        self, certificates: Certificates
    ) -> None:
        async with open_lab(certificates, networks=("127.0.0.1/32",)) as lab:
            # First an allowed address, then one that is not: rebinding.
            lab.names.script = [(LOOPBACK,), ("127.0.0.2",)]
            lab.service.script.append(DROP)
            assert (await lab.send()).reason == "connection lost"
            assert lab.names.asked == [HOST]
            other = replace_endpoint(lab.push(), f"https://{OTHER_HOST}:{lab.service.port}/send/1")
            outcome = await lab.sender.send(other, seconds=ENOUGH_SECONDS)
            assert outcome == Outcome(Verdict.REFUSED, "address not allowed")
            assert lab.names.asked == [HOST, OTHER_HOST]
            assert lab.service.server.connections == 1

    async def test_no_second_look_up_comes_between_check_and_connection(self, lab: Lab) -> None:
        # Whoever looks the name up twice is led to the address that nobody listens at.
        lab.names.script = [(LOOPBACK,), ("127.0.0.99",)]
        assert (await lab.send()).verdict is Verdict.ACCEPTED
        assert lab.names.asked == [HOST]

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    async def test_redirects_are_not_followed(
        self, certificates: Certificates, lab: Lab, status: int
    ) -> None:
        async def answer(_: object) -> Script:
            return Reply(201)

        async with FakeHttps(certificates, answer) as inner:
            lab.service.script.append(Reply(status, headers={"Location": inner.url}))
            assert (await lab.send()).verdict is Verdict.REFUSED
            assert inner.connections == 0


class TestBounds:
    async def test_a_service_that_stalls_costs_one_attempt_its_time(self, lab: Lab) -> None:
        lab.service.script.append(STALL)
        stalled = asyncio.create_task(lab.send())
        await lab.service.server.stalled.wait()
        let_pass(ENOUGH_SECONDS)
        assert await stalled == Outcome(Verdict.RETRY, "no answer in time")
        assert (await lab.send()).verdict is Verdict.ACCEPTED

    async def test_a_body_that_never_ends_does_not_undo_the_acceptance(self, lab: Lab) -> None:
        lab.service.script.append(Reply(201, b"x", claimed_length=1 << 40))
        outcome = await lab.sender.send(lab.push(), seconds=LONG_ENOUGH)
        assert outcome.verdict is Verdict.ACCEPTED

    async def test_a_long_body_is_not_read_out(self, lab: Lab) -> None:
        lab.service.script.append(Reply(410, b"x" * MAX_ANSWER_BYTES * 4, claimed_length=1 << 40))
        # Much sooner than an attempt may take: what is claimed never comes.
        async with asyncio.timeout(ENOUGH_SECONDS / 2):
            assert (await lab.send()).verdict is Verdict.DEAD
        assert (await lab.send()).verdict is Verdict.ACCEPTED
        assert lab.service.server.connections == 2, "the connection with the rest was not kept"

    async def test_a_header_of_any_length_is_not_taken(self, lab: Lab) -> None:
        lab.service.script.append(Reply(201, headers={"X-Long": "x" * 100_000}))
        assert await lab.send() == Outcome(Verdict.RETRY, "connection lost")

    async def test_a_cancelled_send_hurts_no_other(self, lab: Lab) -> None:
        lab.service.script.append(STALL)
        cancelled = asyncio.create_task(lab.send())
        await lab.service.server.stalled.wait()
        others = [asyncio.create_task(lab.send()) for _ in range(5)]
        cancelled.cancel()
        outcomes = await asyncio.gather(*others)
        assert {outcome.verdict for outcome in outcomes} == {Verdict.ACCEPTED}
        with pytest.raises(asyncio.CancelledError):
            await cancelled

    async def test_cookies_are_not_kept(self, lab: Lab) -> None:
        lab.service.script.append(Reply(201, headers={"Set-Cookie": "id=1"}))
        await lab.send()
        await lab.send()
        assert "cookie" not in lab.service.server.heard[1].headers

    async def test_closing_lets_a_push_in_flight_end(self, lab: Lab) -> None:
        await lab.send()
        outcome, _ = await asyncio.gather(lab.send(), lab.sender.aclose())
        assert outcome.verdict is Verdict.ACCEPTED

    async def test_closing_waits_for_a_moment_only_then_refuses(self, lab: Lab) -> None:
        lab.service.script.append(STALL)
        stalled = asyncio.create_task(lab.send())
        await lab.service.server.stalled.wait()
        await lab.sender.aclose()
        assert (await stalled).verdict is Verdict.RETRY
        assert await lab.send() == Outcome(Verdict.UNSENT, "shutting down")


def test_a_file_without_certificates_is_told_at_the_start(tmp_path: Path) -> None:
    empty = tmp_path / "ca.pem"
    empty.write_text("no certificate")
    vapid = Vapid(key=pem(ec.generate_private_key(ec.SECP256R1())), contact=CONTACT)
    with pytest.raises(ConfigError, match=r"ca\.pem"):
        WebPushSender(vapid, EndpointRules(), ca_file=empty)
