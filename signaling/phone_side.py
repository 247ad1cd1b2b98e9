"""Joins the parts that SIP phones meet: transports, stack, registrations and calls."""

import secrets
import time
from importlib.metadata import version

from signaling.call_model import EndpointKind
from signaling.guard import source_of
from signaling.metrics import Metrics
from signaling.push_offer import offer_of
from signaling.records import Records
from signaling.shared.config import Config
from signaling.sip.admission import Admission
from signaling.sip.agent import SipAgent
from signaling.sip.bans import Bans
from signaling.sip.digest import Authenticator
from signaling.sip.flow import Flow
from signaling.sip.gate import Gate
from signaling.sip.phone_calls import PhoneCalls
from signaling.sip.push_contacts import PushContacts
from signaling.sip.registrar import Registrar
from signaling.sip.registrations import Registrations
from signaling.sip.stack import SipStack
from signaling.sip.streams import TcpTransport
from signaling.sip.transport import UdpTransport
from signaling.switchboard import Switchboard

GOODBYE_SECONDS = 2.0


class PhoneSide:
    """Rings phones for the switchboard's calls, and takes theirs to it."""

    def __init__(
        self,
        config: Config,
        records: Records,
        switchboard: Switchboard,
        metrics: Metrics,
        own_domains: frozenset[str],
    ) -> None:
        domain = config.domain
        self._sip = config.sip
        self._udp = UdpTransport(self._received, config.sip.advertised_address)
        self._tcp = TcpTransport(self._received, lambda flow: self._agent.lose(flow))
        bans = Bans(failed=lambda: metrics.authentication_failed("sip"))
        authenticator = Authenticator(domain, records.keyring.subkey("sip nonce"), _token)
        gate = Gate(authenticator, time.time)
        stack = self._stack(domain, bans, gate)
        self._agent = SipAgent(stack, self._send, self._tcp.trust)
        metrics.watch_sip(stack.tally)
        metrics.watch({"wsphone_bans": lambda: bans.count(self._agent.now())})
        accounts, phones = records.accounts, records.phones
        admission = Admission(
            *(self._agent, authenticator, gate, accounts, phones, bans), own_domains=own_domains
        )
        pushes = PushContacts(records.push_targets, offer_of(config), domain=domain)
        self.registrations = Registrations(
            *(self._agent, admission, bans, Registrar(_token), records.contacts, phones, pushes),
            switchboard.appeared,
        )
        self._calls = PhoneCalls(
            self._agent, admission, self.registrations, switchboard, domain=domain
        )
        switchboard.connect(EndpointKind.CONTACT, self._calls, self.registrations.endpoints)

    def _stack(self, domain: str, bans: Bans, gate: Gate) -> SipStack:
        return SipStack(
            domain=domain,
            user_agent=f"WSPhone/{version('wsphone')}",
            new_token=_token,
            address_for=self._udp.address_for,
            ignores=lambda request, flow, now: bans.ignores(request, source_of(flow.host), now),
            gate=gate.answer,
        )

    async def open(self) -> None:
        """Listen, and know who was registered; raises OperatorError when a port is taken."""
        await self._udp.open(self._sip.host, self._sip.port)
        await self._tcp.open(self._sip.host, self._sip.port)
        await self.registrations.load()

    async def say_goodbye(self) -> None:
        """Let what is being said to phones through, for a while."""
        await self._agent.stop(GOODBYE_SECONDS)

    def close(self) -> None:
        """Listen no more; nobody's registration ends by that."""
        self._udp.close()
        self._tcp.close()

    def counts(self) -> dict[str, int]:
        """What must go back to where it was when a call is over."""
        return {
            "contacts": self.registrations.count(),
            "phones_called": self._calls.count(),
            "sip_connections": self._tcp.count(),
            **self._agent.counts(),
        }

    def _received(self, data: bytes, flow: Flow) -> None:
        self._agent.receive(data, flow)

    def _send(self, data: bytes, flow: Flow) -> None:
        (self._tcp if flow.reliable else self._udp).send(data, flow)


def _token() -> str:
    return secrets.token_hex(12)
