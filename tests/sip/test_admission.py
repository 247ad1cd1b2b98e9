"""Phones at the door: who is let in, who is ignored, and what rests on a connection."""

import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from signaling.guard import source_of
from signaling.records import Records
from signaling.sip.admission import Admission
from signaling.sip.agent import SipAgent
from signaling.sip.bans import Bans
from signaling.sip.digest import Authenticator, authorization
from signaling.sip.flow import Flow
from signaling.sip.message import Response, parse
from signaling.sip.registrar import Registrar
from signaling.sip.registrations import Registrations
from signaling.sip.stack import SipStack
from tests.exchange import until
from tests.installation import PASSWORD, installation
from tests.sip import data

SECRET = "K7QM-2WXR-9HTV-4DNP"
DOMAIN = "phones.test"
URI = f"sip:{DOMAIN}"
TCP = Flow("tcp", "192.0.2.10", 40_000)
UDP = Flow("udp", "192.0.2.10", 5101)
ELSEWHERE = Flow("udp", "203.0.113.9", 5101)
REGISTER = data.REGISTER.replace(b"wsphone.test", DOMAIN.encode())


class Door:
    """The SIP side of a server up to its registrations, with lists for a network."""

    def __init__(self, records: Records) -> None:
        self.trusted: list[Flow] = []
        self._sent: list[tuple[bytes, Flow]] = []
        self._serial = itertools.count()
        bans = Bans(failures=3)
        stack = SipStack(
            domain=DOMAIN,
            user_agent="WSPhone",
            new_token=self._token,
            address_for=lambda flow: ("198.51.100.1", 5060),
            ignores=lambda request, flow, now: bans.ignores(request, source_of(flow.host), now),
        )
        self.agent = SipAgent(
            stack, lambda packet, flow: self._sent.append((packet, flow)), self.trusted.append
        )
        admission = Admission(
            self.agent,
            Authenticator(DOMAIN, b"key", self._token),
            records.accounts,
            records.phones,
            bans,
            own_domains={DOMAIN},
        )
        self.registrations = Registrations(
            self.agent,
            admission,
            bans,
            Registrar(self._token),
            records.contacts,
            lambda endpoint: None,
        )

    def _token(self) -> str:
        return f"t{next(self._serial)}"

    async def ask(self, flow: Flow, *headers: str, expires: str = "120") -> Response | None:
        """Send a REGISTER that was not seen before; its answer, or None when there is none."""
        number = next(self._serial)
        raw = data.edited(
            REGISTER,
            ("z9hG4bK.4dTPmVzQW", f"z9hG4bK{number}"),
            ("CSeq: 20", f"CSeq: {number + 100}"),
            ("Expires: 120", "\r\n".join([f"Expires: {expires}", *headers])),
        )
        self._sent.clear()
        self.agent.receive(raw, flow)
        await until(lambda: self._sent or not self.agent.counts()["pending"])
        if not self._sent:
            return None
        response = parse(self._sent[-1][0])
        assert isinstance(response, Response)
        return response

    async def sign(self, flow: Flow, secret: str, *, expires: str = "120") -> int | None:
        """Register as a phone does, with the challenge that it was given; the code."""
        challenged = await self.ask(flow)
        if challenged is None:
            return None
        challenge = challenged.headers.first("www-authenticate") or ""
        value = authorization(challenge, "alice", secret, "REGISTER", URI, cnonce="0a4f113b")
        answer = await self.ask(flow, f"Authorization: {value}", expires=expires)
        return answer.code if answer is not None else None


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    async with installation(tmp_path) as records:
        alice = await records.accounts.add("alice", PASSWORD)
        await records.phones.add(alice, secret=SECRET)
        door = Door(records)
        yield door
        door.registrations.stop()
        await door.agent.stop(0)


class TestBans:
    async def test_who_keeps_failing_is_not_answered_any_more(self, door: Door) -> None:
        assert [await door.sign(ELSEWHERE, "wrong") for _ in range(3)] == [403] * 3
        assert await door.ask(ELSEWHERE) is None
        assert await door.sign(ELSEWHERE, SECRET) is None
        assert door.agent.counts()["transactions"] <= 6

    async def test_others_of_the_account_are(self, door: Door) -> None:
        for _ in range(3):
            await door.sign(ELSEWHERE, "wrong")
        assert await door.sign(UDP, SECRET) == 200

    async def test_a_source_with_a_live_registration_is_never_banned(self, door: Door) -> None:
        assert await door.sign(UDP, SECRET) == 200
        assert [await door.sign(UDP, "wrong") for _ in range(5)] == [403] * 5
        assert await door.sign(UDP, SECRET) == 200

    async def test_failures_without_our_nonce_count_for_nothing(self, door: Door) -> None:
        """An address that somebody else writes into packets cannot be banned."""
        foreign = f'Digest realm="{DOMAIN}", qop="auth", nonce="6b-t0-0", algorithm=MD5'
        value = authorization(foreign, "alice", "wrong", "REGISTER", URI, cnonce="c")
        for _ in range(5):
            answer = await door.ask(ELSEWHERE, f"Authorization: {value}")
            assert answer is not None
            assert answer.code == 401
        assert await door.sign(ELSEWHERE, SECRET) == 200

    async def test_another_name_before_the_own_one_hides_nobody(self, door: Door) -> None:
        for _ in range(3):
            await door.sign(ELSEWHERE, "wrong")
        mask = 'Authorization: Digest username="mask", realm="elsewhere"'
        challenged = await door.ask(ELSEWHERE, mask)
        assert challenged is not None
        challenge = challenged.headers.first("www-authenticate") or ""
        value = authorization(challenge, "alice", SECRET, "REGISTER", URI, cnonce="c")
        answer = await door.ask(ELSEWHERE, mask, f"Authorization: {value}")
        assert answer is not None
        assert answer.code == 403


class TestConnections:
    async def test_a_binding_over_tcp_ends_with_its_connection(self, door: Door) -> None:
        assert await door.sign(TCP, SECRET) == 200
        assert (door.registrations.count(), door.trusted) == (1, [TCP])
        door.agent.lose(TCP)
        assert door.registrations.count() == 0

    async def test_one_that_moved_to_a_new_connection_stays(self, door: Door) -> None:
        moved = Flow("tcp", TCP.host, TCP.port + 1)
        assert await door.sign(TCP, SECRET) == 200
        assert await door.sign(moved, SECRET) == 200
        door.agent.lose(TCP)
        assert door.registrations.count() == 1
        door.agent.lose(moved)
        assert door.registrations.count() == 0

    async def test_after_a_restart_only_what_needs_no_connection_is_known(
        self, door: Door, tmp_path: Path
    ) -> None:
        assert await door.sign(TCP, SECRET) == 200
        async with installation(tmp_path) as records:
            again = Door(records)
            await again.registrations.load()
            assert again.registrations.count() == 0
