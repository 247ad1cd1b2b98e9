"""The SIP side of a server up to its registrations, and requests as phones sign them."""

import itertools
import re
import time

from signaling.call_model import Endpoint
from signaling.guard import source_of
from signaling.records import Records
from signaling.sip.admission import Admission
from signaling.sip.agent import SipAgent
from signaling.sip.bans import Bans
from signaling.sip.digest import Authenticator, authorization
from signaling.sip.flow import Flow
from signaling.sip.gate import Gate
from signaling.sip.message import Response, parse
from signaling.sip.pn import Offer
from signaling.sip.push_contacts import PushContacts
from signaling.sip.registrar import Registrar
from signaling.sip.registrations import Registrations
from signaling.sip.stack import SipStack
from tests.exchange import until
from tests.sip import data

SECRET = "K7QM-2WXR-9HTV-4DNP"
DOMAIN = "phones.test"
URI = f"sip:{DOMAIN}"
TCP = Flow("tcp", "192.0.2.10", 40_000)
UDP = Flow("udp", "192.0.2.10", 5101)
ELSEWHERE = Flow("udp", "203.0.113.9", 5101)
REGISTER = data.REGISTER.replace(b"wsphone.test", DOMAIN.encode())
INVITE = data.INVITE.replace(b"wsphone.test", DOMAIN.encode())


class Door:
    """The SIP side of a server up to its registrations, with lists for a network."""

    def __init__(self, records: Records, offer: Offer | None = None) -> None:
        self.records = records
        self.appeared: list[Endpoint] = []
        self.trusted: list[Flow] = []
        self.sent: list[tuple[bytes, Flow]] = []
        self._serial = itertools.count()
        bans = Bans(failures=3)
        authenticator = Authenticator(DOMAIN, b"key", self._token)
        gate = Gate(authenticator, time.time)
        stack = SipStack(
            domain=DOMAIN,
            user_agent="WSPhone",
            new_token=self._token,
            address_for=lambda flow: ("198.51.100.1", 5060),
            ignores=lambda request, flow, now: bans.ignores(request, source_of(flow.host), now),
            gate=gate.answer,
        )
        self.agent = SipAgent(
            stack, lambda packet, flow: self.sent.append((packet, flow)), self.trusted.append
        )
        self.admission = Admission(
            self.agent,
            authenticator,
            gate,
            records.accounts,
            records.phones,
            bans,
            own_domains={DOMAIN},
        )
        self.registrations = Registrations(
            self.agent,
            self.admission,
            bans,
            Registrar(self._token),
            records.contacts,
            records.phones,
            PushContacts(records.push_targets, offer or Offer(), domain=DOMAIN),
            self.appeared.append,
        )

    def _token(self) -> str:
        return f"t{next(self._serial)}"

    def invite(self, *headers: str, **changed: str) -> bytes:
        """An INVITE of alice's to bob; `changed` replaces words of the text."""
        number = next(self._serial)
        raw = data.edited(
            INVITE,
            ("z9hG4bK.ikgpD1fRt", f"z9hG4bKi{number}"),
            ("CSeq: 20 INVITE", "\r\n".join([f"CSeq: {number + 100} INVITE", *headers])),
        )
        return data.edited(raw, *changed.items())

    def signed(self, challenge: str, secret: str, name: str = "alice") -> str:
        uri = f"sip:bob@{DOMAIN}"
        value = authorization(challenge, name, secret, "INVITE", uri, cnonce="0a4f113b")
        return f"Authorization: {value}"

    def challenged(self, flow: Flow) -> str:
        """The challenge to an INVITE that nobody signed."""
        self.sent.clear()
        self.agent.receive(self.invite(), flow)
        (response,) = self.responses()
        return response.headers.first("www-authenticate") or ""

    def responses(self) -> list[Response]:
        """What was answered since the list was cleared."""
        parsed = [parse(raw) for raw, _ in self.sent]
        return [each for each in parsed if isinstance(each, Response)]

    def codes(self) -> list[int]:
        return [response.code for response in self.responses()]

    async def ask(
        self,
        flow: Flow,
        *headers: str,
        expires: str = "120",
        contact: str | None = None,
        name: str = "alice",
        call_id: str | None = None,
    ) -> Response | None:
        """Send a REGISTER that was not seen before; its answer, or None when there is none."""
        number = next(self._serial)
        raw = data.edited(
            REGISTER,
            ("z9hG4bK.4dTPmVzQW", f"z9hG4bK{number}"),
            ("CSeq: 20", f"CSeq: {number + 100}"),
            ("Expires: 120", "\r\n".join([f"Expires: {expires}", *headers])),
            ("sip:alice@", f"sip:{name}@"),
        )
        if contact is not None:
            raw = re.sub(rb"Contact: [^\r]*", lambda _: f"Contact: {contact}".encode(), raw)
        if call_id is not None:
            raw = re.sub(rb"Call-ID: [^\r]*", b"Call-ID: " + call_id.encode(), raw)
        self.sent.clear()
        self.agent.receive(raw, flow)
        await until(lambda: self.sent or not self.agent.counts()["pending"])
        if not self.sent:
            return None
        (response,) = self.responses()
        return response

    async def sign(self, flow: Flow, secret: str, *, expires: str = "120") -> int | None:
        """Register as a phone does, with the challenge that it was given; the code."""
        answer = await self.register(flow, secret, expires=expires)
        return answer.code if answer is not None else None

    async def register(
        self,
        flow: Flow,
        secret: str = SECRET,
        *,
        name: str = "alice",
        expires: str = "120",
        contact: str | None = None,
        call_id: str | None = None,
    ) -> Response | None:
        """As `sign`, with a Contact and a Call-ID of the test's; the answer."""
        challenged = await self.ask(flow)
        if challenged is None:
            return None
        challenge = challenged.headers.first("www-authenticate") or ""
        value = authorization(challenge, name, secret, "REGISTER", URI, cnonce="0a4f113b")
        signed = f"Authorization: {value}"
        return await self.ask(
            flow, signed, expires=expires, contact=contact, name=name, call_id=call_id
        )
