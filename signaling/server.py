"""Joins the parts of the one-process server; starts them, and stops them in order."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from aiohttp import web

from media.addresses import host_addresses
from media.engine import Security
from media.music import find_music
from media.ogg import seconds_of
from signaling.admin_api import add_admin_api, admit_admin
from signaling.api import add_api
from signaling.call_api import add_call_api
from signaling.call_figures import tell_figures
from signaling.call_model import RecordPolicy
from signaling.client_side import ClientSide
from signaling.directory import RecordsDirectory
from signaling.front import Front
from signaling.health import add_health
from signaling.http import MAX_BODY, bearer_of, set_manners
from signaling.lan import own_names
from signaling.live_calls import LiveCalls
from signaling.logins import Principal
from signaling.media_side import MediaSide
from signaling.metrics import Metrics
from signaling.metrics_api import add_metrics
from signaling.pages import add_pages
from signaling.phone_side import PhoneSide
from signaling.provisioning import add_provisioning
from signaling.push_reports import PushReports
from signaling.pushing import Pushing
from signaling.recording_api import add_recording_api
from signaling.records import Records
from signaling.removals import Missing, Resting, follow_removals
from signaling.retention import keep_house
from signaling.revocations import AccountRemoved, LoginRevoked, PasswordChanged, Revocation
from signaling.shared.bus_memory import MemoryBus
from signaling.shared.config import Config
from signaling.shared.messages import CLOSE_LOG_IN
from signaling.switchboard import Switchboard, Switching
from signaling.waking import CallPort, Waking

_ANY = ("0.0.0.0", "::")


class Server:
    """Every part of the one-process server, joined."""

    def __init__(self, config: Config, records: Records, push: Pushing, front: Front) -> None:
        self.front = front
        self._config = config
        self._records = records
        self._provisioning = front.provisioning()
        self._metrics = Metrics(push.figures)
        self._ready = False
        own_domains = _own_domains(config)
        self._media = MediaSide(config)
        self._switchboard = Switchboard(
            _switching(config, own_domains),
            self._media.engine,
            MemoryBus(),
            RecordsDirectory(records),
            records.recordings,
        )
        self.live_calls = LiveCalls(self._switchboard.live)
        self._switchboard.on_end(self._metrics.ended)
        self._clients = ClientSide(config, records, push, self._switchboard)
        self._phones = PhoneSide(config, records, self._switchboard, self._metrics, own_domains)
        self._waking = Waking(
            records.push_targets,
            push.queue,
            records.keyring,
            push.bus,
            CallPort(self._switchboard.post, self._switchboard.late_ends.remember),
            topic=push.reply_to,
            refused=self._metrics.push_refused,
        )
        self._switchboard.connect_sleepers(self._waking)
        self._push_reports = PushReports(
            push.bus,
            push.reply_to,
            self._switchboard.is_live,
            records.history.add_hops,
        )
        records.revocations.listen(self._revoked)
        self._push_queue = push.queue
        self._watch()
        self._app = self._build_app(records)

    def _watch(self) -> None:
        self._metrics.watch(
            {
                "wsphone_calls_active": self._switchboard.count,
                "wsphone_sessions": lambda: len(self._clients.sessions),
                "wsphone_websockets": self._clients.hub.count,
                "wsphone_registrations": self._phones.registrations.count,
                **self._media.gauges(),
            }
        )

    def _build_app(self, records: Records) -> web.Application:
        http = self._config.http
        app = web.Application(client_max_size=MAX_BODY)
        set_manners(app, self.front.guard)
        add_api(
            app,
            records,
            provisioning=self._provisioning,
            registered=self._phones.registrations.phones,
            trusted_proxies=http.trusted_proxies,
            failed=lambda: self._metrics.authentication_failed("password"),
        )
        add_admin_api(
            app,
            records.history,
            records.recordings,
            self.live_calls,
            records.logins.authenticate,
        )
        add_provisioning(app, self._provisioning)
        add_call_api(app, self._switchboard, self._authenticate)
        add_recording_api(app, records.recordings, self._authenticate)
        add_health(app, is_ready=lambda: self._ready, counts=self.counts)
        add_metrics(
            app,
            self._figures,
            lambda request: admit_admin(request, records.logins.authenticate),
            allowed=http.metrics_from,
            trusted_proxies=http.trusted_proxies,
        )
        app.router.add_get("/ws", self._clients.hub.handle)
        add_pages(app)
        return app

    async def _authenticate(self, request: web.Request) -> Principal:
        return await self._records.logins.authenticate(bearer_of(request))

    async def _figures(self) -> bytes:
        self._metrics.show("wsphone_push_queue_jobs", await self._push_queue.waiting())
        return self._metrics.page()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve for the length of the block; raises OperatorError when a port is taken."""
        figures = tell_figures(self._switchboard.talking, self._clients.sessions.tell)
        clocks = [
            asyncio.create_task(self._clients.hub.keep_time(), name="hub clock"),
            asyncio.create_task(figures, name="figures"),
            asyncio.create_task(self._follow_removals(), name="removals"),
            asyncio.create_task(
                keep_house(self._records, days=self._config.history.days, seconds_of=seconds_of),
                name="retention",
            ),
        ]
        try:
            await self._media.start()
            await self._phones.open()
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
        await self._phones.say_goodbye()
        await self._clients.hub.stop()
        await self.front.close()
        for clock in clocks:
            clock.cancel()
        await asyncio.gather(*clocks, return_exceptions=True)
        self._phones.registrations.stop()
        await self._media.engine.aclose()
        self._phones.close()

    async def _follow_removals(self) -> None:
        """Notice what was removed by commands, which act on the database alone."""
        registrations, records = self._phones.registrations, self._records
        resting = Resting(
            self._clients.sessions.logins,
            registrations.phones,
            lambda account, login: self._log_out(account, login=login),
            registrations.forget,
        )
        await follow_removals(resting, Missing(records.logins.missing, records.phones.missing))

    def counts(self) -> dict[str, int]:
        """What must go back to where it was when a call is over."""
        return {
            "calls": self._switchboard.count(),
            "waking": self._waking.count(),
            "tasks": len(asyncio.all_tasks()),
            **self._media.counts(),
            **self._clients.counts(),
            **self._phones.counts(),
        }

    def _revoked(self, revocation: Revocation) -> None:
        self._phones.registrations.revoke(revocation)
        match revocation:
            case AccountRemoved(account=account) | PasswordChanged(account=account):
                self._log_out(account, login=None)
            case LoginRevoked(account=account, login=login):
                self._log_out(account, login=login)

    def _log_out(self, account: str, *, login: str | None) -> None:
        # First whom a push would wake: a session that is gone is a reason to push its device.
        self._waking.revoke(account, login=login)
        self._clients.hub.revoke(account, login=login, code=CLOSE_LOG_IN)


def _switching(config: Config, own_domains: frozenset[str]) -> Switching:
    return Switching(
        own_domains,
        config.calls.ring_seconds,
        direct=config.calls.direct == "always",
        emergency_numbers=config.calls.emergency_numbers,
        hold_music=find_music(config.calls.hold_music),
        srtp=Security(config.sip.srtp),
        record=RecordPolicy(config.calls.record),
    )


def _own_domains(config: Config) -> frozenset[str]:
    """The hosts in an address that mean this server."""
    own = {config.domain, "localhost", "127.0.0.1", "::1", config.http.host, config.sip.host}
    if config.sip.advertised_address is not None:
        own.add(config.sip.advertised_address)
    if config.sip.host in _ANY:
        own.update([*host_addresses(loopback=True), *own_names()])
    return frozenset(name.lower() for name in own)
