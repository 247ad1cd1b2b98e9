"""Runs the server: chooses the parts, starts them, and stops them in order."""

import asyncio
import contextlib
import gc
import logging
import secrets
import signal
import sys
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from importlib.metadata import version

import uvloop
from aiohttp import web

from media.addresses import host_addresses
from media.aiortc_engine import AiortcEngine, MediaSettings
from signaling.admin_api import add_admin_api
from signaling.api import add_api
from signaling.authority import LocalAuthority
from signaling.call_api import add_call_api
from signaling.call_figures import tell_figures
from signaling.call_model import Endpoint, EndpointKind
from signaling.demo import create_demo, demo_text
from signaling.device_requests import DeviceRequests
from signaling.directory import RecordsDirectory
from signaling.front import Front, House
from signaling.guard import source_of
from signaling.health import add_health
from signaling.http import MAX_BODY, bearer_of, peer_of, set_manners
from signaling.hub import Hub, HubSettings, Identity
from signaling.lan import announce, own_addresses, own_names, page_address
from signaling.metrics import Metrics
from signaling.metrics_api import add_metrics
from signaling.pages import add_pages
from signaling.people import People
from signaling.provisioning import add_provisioning
from signaling.push_offer import apps_of, offer_of, push_info
from signaling.push_reports import PushReports
from signaling.pushing import Pushing, pushing
from signaling.records import Records, open_records
from signaling.removals import Missing, Resting, follow_removals
from signaling.requests import Requests
from signaling.revocations import AccountRemoved, LoginRevoked, PasswordChanged, Revocation
from signaling.session_legs import SessionLegs
from signaling.sessions import Sessions
from signaling.shared.bus_memory import MemoryBus
from signaling.shared.config import Config, is_loopback
from signaling.shared.messages import CLOSE_LOG_IN
from signaling.shared.model import Account
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
from signaling.switchboard import Switchboard, Switching
from signaling.waking import CallPort, Waking

log = logging.getLogger(__name__)

GOODBYE_SECONDS = 2.0
_ANY = ("0.0.0.0", "::")


def run(config: Config, *, demo: bool, lan: bool, pushes: bool = True) -> int:
    """Serve until SIGINT or SIGTERM; returns the exit status. Raises OperatorError.

    Without `pushes`, other processes do them.
    """
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s"
    )
    for noisy in ("aioice", "aiortc", "aiosqlite", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(config, demo=demo, lan=lan, pushes=pushes))
    return 0


async def _serve(config: Config, *, demo: bool, lan: bool, pushes: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with (
        open_records(config) as records,
        pushing(config, records.keyring, works=pushes) as push,
    ):
        # Before a port is found taken: the people are made at the first start or never.
        users = await create_demo(records) if demo else []
        if users:
            sys.stdout.write(demo_text(users, config))
        house = _house(config) if lan else None
        server = Server(config, records, push, Front(config, house))
        if config.tls.cert is not None:
            # Else a terminal that is closed ends the server, as people expect.
            loop.add_signal_handler(signal.SIGHUP, server.front.reload)
        async with server.running():
            page, sip = page_address(config, lan=lan), f"{config.sip.host}:{config.sip.port}"
            sys.stdout.write(f"WSPhone is at {page} and takes SIP on UDP and TCP {sip}\n")
            if house is not None:
                announce(sys.stdout, config, house.hosts(), house.authority)
            sys.stdout.flush()
            # What lives as long as the server need not be looked at by every collection.
            gc.freeze()
            await stop.wait()


class Server:
    """Every part of the one-process server, joined."""

    def __init__(self, config: Config, records: Records, push: Pushing, front: Front) -> None:
        self.front = front
        self._config = config
        self._provisioning = front.provisioning()
        self._metrics = Metrics()
        self._ready = False
        own_domains = _own_domains(config)
        self._engine = AiortcEngine(
            MediaSettings(
                host=config.media.host,
                advertised_address=config.media.advertised_address,
                port_min=config.media.port_min,
                port_max=config.media.port_max,
                loopback=is_loopback(config.http.host),
            )
        )
        switching = Switching(
            own_domains,
            config.calls.ring_seconds,
            direct=config.calls.direct == "always",
            emergency_numbers=config.calls.emergency_numbers,
        )
        directory = RecordsDirectory(records)
        self._switchboard = Switchboard(switching, self._engine, MemoryBus(), directory)
        self._switchboard.on_end(self._metrics.ended)
        self._sessions = Sessions(config.calls.resume_seconds)
        self._hub = Hub(
            HubSettings(
                version("wsphone"),
                config.calls.resume_seconds,
                emergency_numbers=config.calls.emergency_numbers,
                source_of=lambda request: source_of(peer_of(request, config.http.trusted_proxies)),
                push=push_info(config),
            ),
            Identity(records.logins.authenticate, records.devices.seen),
            self._sessions,
            Requests(
                self._switchboard,
                self._sessions,
                People(
                    records.accounts.first,
                    self._switchboard.endpoints,
                    records.blocked.blocking,
                    records.push_targets.accounts_with_targets,
                ),
                time.time,
                _device_requests(config, records, push).methods(),
            ),
        )
        self._switchboard.connect(
            EndpointKind.SESSION, SessionLegs(self._sessions.send), self._session_endpoints
        )
        self._build_sip(records, own_domains)
        self._waking = Waking(
            records.push_targets,
            push.queue,
            records.keyring,
            push.bus,
            CallPort(self._switchboard.post, self._switchboard.late_ends.remember),
            topic=push.reply_to,
        )
        self._switchboard.connect_sleepers(self._waking)
        self._push_reports = PushReports(
            push.bus,
            push.reply_to,
            self._metrics.heard,
            self._switchboard.is_live,
            records.history.add_hops,
        )
        records.revocations.listen(self._revoked)
        self._following = (
            Resting(
                self._sessions.logins,
                self._registrations.phones,
                lambda account, login: self._log_out(account, login=login),
                self._registrations.forget,
            ),
            Missing(records.logins.missing, records.phones.missing),
        )
        self._metrics.watch(
            {
                "wsphone_calls_active": self._switchboard.count,
                "wsphone_sessions": lambda: len(self._sessions),
                "wsphone_websockets": self._hub.count,
                "wsphone_registrations": self._registrations.count,
                "wsphone_media_legs": lambda: self._engine.counts().legs,
                "wsphone_push_queue_jobs": push.queue.count,
            }
        )
        self._app = self._build_app(records)

    def _build_sip(self, records: Records, own_domains: frozenset[str]) -> None:
        domain = self._config.domain
        self._udp = UdpTransport(self._received, self._config.sip.advertised_address)
        self._tcp = TcpTransport(self._received, lambda flow: self._agent.lose(flow))
        bans = Bans(failed=lambda: self._metrics.authentication_failed("sip"))
        authenticator = Authenticator(domain, records.keyring.subkey("sip nonce"), _token)
        gate = Gate(authenticator, time.time)
        stack = SipStack(
            domain=domain,
            user_agent=f"WSPhone/{version('wsphone')}",
            new_token=_token,
            address_for=self._udp.address_for,
            ignores=lambda request, flow, now: bans.ignores(request, source_of(flow.host), now),
            gate=gate.answer,
        )
        self._agent = SipAgent(stack, self._send, self._tcp.trust)
        self._metrics.watch_sip(stack.tally)
        self._metrics.watch({"wsphone_bans": lambda: bans.count(self._agent.now())})
        admission = Admission(
            self._agent,
            authenticator,
            gate,
            records.accounts,
            records.phones,
            bans,
            own_domains=own_domains,
        )
        self._registrations = Registrations(
            self._agent,
            admission,
            bans,
            Registrar(_token),
            records.contacts,
            records.phones,
            PushContacts(records.push_targets, offer_of(self._config), domain=domain),
            self._switchboard.appeared,
        )
        self._phone_calls = PhoneCalls(
            self._agent, admission, self._registrations, self._switchboard, domain=domain
        )
        self._switchboard.connect(
            EndpointKind.CONTACT, self._phone_calls, self._registrations.endpoints
        )

    def _build_app(self, records: Records) -> web.Application:
        http = self._config.http
        app = web.Application(client_max_size=MAX_BODY)
        set_manners(app, self.front.guard)
        add_api(
            app,
            records,
            provisioning=self._provisioning,
            registered=self._registrations.phones,
            trusted_proxies=http.trusted_proxies,
            failed=lambda: self._metrics.authentication_failed("password"),
        )
        add_admin_api(app, records.history, records.logins.authenticate)
        add_provisioning(app, self._provisioning)
        add_call_api(
            app, self._switchboard, lambda request: records.logins.authenticate(bearer_of(request))
        )
        add_health(app, is_ready=lambda: self._ready, counts=self.counts)
        add_metrics(
            app,
            self._metrics.page,
            records.logins.authenticate,
            allowed=http.metrics_from,
            trusted_proxies=http.trusted_proxies,
        )
        app.router.add_get("/ws", self._hub.handle)
        add_pages(app)
        return app

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve for the length of the block; raises OperatorError when a port is taken."""
        removals = follow_removals(*self._following)
        figures = tell_figures(self._switchboard.talking, self._sessions.tell)
        clocks = [
            asyncio.create_task(self._hub.keep_time(), name="hub clock"),
            asyncio.create_task(figures, name="figures"),
            asyncio.create_task(removals, name="removals"),
        ]
        try:
            await self._udp.open(self._config.sip.host, self._config.sip.port)
            await self._tcp.open(self._config.sip.host, self._config.sip.port)
            await self._registrations.load()
            await self.front.open(self._app, self._provisioning)
            self._ready = True
            yield
        finally:
            self._ready = False
            await self._stop(clocks)

    async def _stop(self, clocks: list[asyncio.Task[None]]) -> None:
        """Refuse new work, end calls on both sides, let goodbyes through, close."""
        await self._switchboard.stop()
        await self._waking.stop()
        await self._push_reports.stop()
        await self._agent.stop(GOODBYE_SECONDS)
        await self._hub.stop()
        await self.front.close()
        for clock in clocks:
            clock.cancel()
        await asyncio.gather(*clocks, return_exceptions=True)
        self._registrations.stop()
        await self._engine.aclose()
        self._udp.close()
        self._tcp.close()

    def counts(self) -> dict[str, int]:
        """What must go back to where it was when a call is over."""
        media = self._engine.counts()
        return {
            "calls": self._switchboard.count(),
            "sessions": len(self._sessions),
            "websockets": self._hub.count(),
            "contacts": self._registrations.count(),
            "phones_called": self._phone_calls.count(),
            "waking": self._waking.count(),
            "sip_connections": self._tcp.count(),
            "media_legs": media.legs,
            "media_sockets": media.sockets,
            "media_tasks": media.tasks,
            "ports": media.ports,
            "tasks": len(asyncio.all_tasks()),
            **self._agent.counts(),
        }

    def _session_endpoints(self, account: Account) -> list[Endpoint]:
        return [session.endpoint for session in self._sessions.of_account(account.id)]

    def _received(self, data: bytes, flow: Flow) -> None:
        self._agent.receive(data, flow)

    def _send(self, data: bytes, flow: Flow) -> None:
        (self._tcp if flow.reliable else self._udp).send(data, flow)

    def _revoked(self, revocation: Revocation) -> None:
        self._registrations.revoke(revocation)
        match revocation:
            case AccountRemoved(account=account) | PasswordChanged(account=account):
                self._log_out(account, login=None)
            case LoginRevoked(account=account, login=login):
                self._log_out(account, login=login)

    def _log_out(self, account: str, *, login: str | None) -> None:
        # First whom a push would wake: a session that is gone is a reason to push its device.
        self._waking.revoke(account)
        self._hub.revoke(account, login=login, code=CLOSE_LOG_IN)


def _device_requests(config: Config, records: Records, push: Pushing) -> DeviceRequests:
    return DeviceRequests(
        *(records.devices, records.push_targets, records.push_proofs),
        *(push.queue, records.keyring),
        apps=apps_of(config),
        # What comes of a proof is seen by the phone: nobody listens.
        reply_to=f"{push.reply_to}.proofs",
    )


def _house(config: Config) -> House:
    """Raises OperatorError."""

    def hosts() -> list[str]:
        return [*own_addresses(config, host_addresses(loopback=True)), *own_names()]

    authority = LocalAuthority(config.data_dir / "tls", now=datetime.now(UTC))
    return House(authority, hosts)


def _own_domains(config: Config) -> frozenset[str]:
    """The hosts in an address that mean this server."""
    own = {config.domain, "localhost", "127.0.0.1", "::1", config.http.host, config.sip.host}
    if config.sip.advertised_address is not None:
        own.add(config.sip.advertised_address)
    if config.sip.host in _ANY:
        own.update([*host_addresses(loopback=True), *own_names()])
    return frozenset(name.lower() for name in own)


def _token() -> str:
    return secrets.token_hex(12)
