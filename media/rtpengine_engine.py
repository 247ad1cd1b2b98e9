"""The media engine of instances of rtpengine: sound never passes this process."""

import asyncio
import ipaddress
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from media import descriptions, hold, negotiate, sdp
from media import rtpengine_links as links
from media.descriptions import RtpLocal
from media.engine import (
    Digit,
    Figures,
    Gone,
    Held,
    IceCandidate,
    MediaEvent,
    Profile,
    Security,
)
from media.keying import Secrecy
from media.listeners import Listeners
from media.negotiate import Agreement
from media.ng_client import NgClient, NoAnswer, Refused
from media.rtpengine_call import InstanceCall
from media.rtpengine_digits import DigitPort
from media.rtpengine_figures import Look
from media.rtpengine_instances import Instances
from media.rtpengine_leg import Leg
from media.rtpengine_sdp import NOWHERE, Near, far_browser, far_phone
from media.rtpengine_watch import LegWatch
from media.settings import Counts
from signaling.shared.errors import MediaError, WrongState

log = logging.getLogger(__name__)

_DISCARD_PORT = 9


@dataclass(frozen=True, slots=True)
class RtpengineSettings:
    """`urls` are the instances' ng ports; the others are as in media.aiortc_engine."""

    urls: tuple[str, ...]
    digits: str | None = None
    """The URL at which instances tell of digits; None: digits are only heard, as they pass."""
    browser_codec: str = "auto"
    loopback: bool = False
    trusted_networks: tuple[str, ...] = ()
    silent_seconds: float = 30.0
    connect_seconds: float = 15.0


class RtpengineEngine:
    """Implements media.engine.MediaEngine; belongs to the event loop it was made on."""

    def __init__(self, settings: RtpengineSettings) -> None:
        self._settings = settings
        self._trusted = tuple(map(ipaddress.ip_network, settings.trusted_networks))
        self._instances = Instances(settings.urls, self._instance_lost)
        self._legs: dict[str, Leg] = {}
        self._listeners = Listeners()
        self._emit = self._listeners.tell
        self._ending: set[asyncio.Task[None]] = set()
        self._digits = DigitPort(self._instances.hosts, self._heard_digit)
        self._watch = LegWatch(
            self._legs.values,
            self._emit,
            self._leg_lost,
            silent_seconds=settings.silent_seconds,
            connect_seconds=settings.connect_seconds,
        )

    async def start(self) -> None:
        """Look for the instances, and listen for digits; OperatorError when that cannot be."""
        if self._settings.digits is not None:
            parts = urlsplit(self._settings.digits)
            await self._digits.open(parts.hostname or "", parts.port or 0)
        self._instances.start()
        self._watch.start()

    def listen(self, sink: Callable[[MediaEvent], None]) -> None:
        """Have every event given to `sink`; several may listen."""
        self._listeners.add(sink)

    def codecs(self, offer: str) -> tuple[str, ...]:
        """See MediaEngine."""
        return negotiate.carried(sdp.parse(offer))

    async def open(
        self,
        call: str,
        leg: str,
        profile: Profile,
        *,
        offer: str | None = None,
        codecs: tuple[str, ...] = (),
        peer: str | None = None,
        security: Security = Security.NONE,
        recorded: bool = False,
    ) -> str:
        """See MediaEngine; a leg whose opening fails or is cancelled leaves nothing behind.

        Nothing is recorded here, so no description says so.
        """
        if leg in self._legs:
            raise MediaError("a leg of this name is open already")
        description = sdp.parse(offer) if offer is not None else None
        preferred = self._prefer(profile, codecs)
        agreement = negotiate.agree(description, profile, preferred) if description else None
        # An instance that turns out to be dead is no reason not to try the next one.
        while True:
            opened = self._make_leg(call, leg, profile, description, preferred, peer, security)
            try:
                if description is None or agreement is None:
                    await self._offer(opened)
                else:
                    await self._answer(opened, description, agreement)
                if self._legs.get(leg) is not opened:
                    raise MediaError("the leg was closed while it opened")
                return opened.text
            except NoAnswer:
                self._drop(opened)
                self._instances.found_dead(opened.there.client)
            except BaseException:
                self._drop(opened)
                raise

    async def accept(self, leg: str, answer: str) -> str:
        """See MediaEngine."""
        opened = self._find(leg)
        if opened.profile is Profile.WEBRTC and opened.agreement is not None:
            raise WrongState("a browser answers once; it moves by new generations")
        description = sdp.parse(answer)
        agreement = negotiate.read_answer(description, opened.profile, opened.preferred)
        we_talked = opened.talks
        await self._meet(opened, description, agreement, offers=False)
        self._note_hold(opened, we_talked=we_talked)
        return agreement.codec

    async def update(self, leg: str, offer: str) -> str:
        """See MediaEngine."""
        opened = self._find(leg)
        if opened.agreement is None or opened.profile is not Profile.RTP:
            raise WrongState("only an RTP leg that has agreed on its media takes a new offer")
        description = sdp.parse(offer)
        other = opened.other.agreement if opened.other is not None else None
        agreement = negotiate.agree(
            description,
            opened.profile,
            (other.codec,) if other is not None else (),
            current=opened.agreement.codec,
        )
        near = await self._meet(opened, description, agreement, offers=True)
        opened.version += 1
        text = self._answer_text(opened, description, near)
        opened.text = hold.bounded(text, talks=opened.talks, listens=opened.listens)
        self._note_hold(opened, we_talked=True)
        return opened.text

    async def reoffer(self, leg: str, *, talks: bool, listens: bool) -> str:
        """See MediaEngine."""
        opened = self._find(leg)
        agreed = opened.agreement
        if agreed is None or opened.profile is not Profile.RTP:
            raise WrongState("only an RTP leg that has agreed on its media is made a new offer")
        opened.version += 1
        opened.talks, opened.listens, opened.preferred = talks, listens, (agreed.codec,)
        opened.text = hold.reoffer(
            opened.text, agreed, version=opened.version, talks=talks, listens=listens
        )
        return opened.text

    async def candidates(self, leg: str, candidates: list[IceCandidate]) -> None:
        """See MediaEngine; passed over: the browser's own checks tell its addresses sooner."""

    async def join(self, leg: str, other: str) -> None:
        """See MediaEngine."""
        await links.join(self._find(leg), self._find(other))

    async def play(self, leg: str, source: str | None) -> None:
        """See MediaEngine; a phone that holds is not heard instead, even if it plays music."""
        opened = self._find(leg)
        opened.source = source
        await links.play(opened)

    async def dtmf(self, leg: str, digits: str, duration_ms: int) -> None:
        """See MediaEngine; only while sound of the joined leg is heard, which they are put into."""
        await links.send_digits(self._find(leg), digits, duration_ms)

    async def record(self, recording: str, left: str, right: str, path: str, key: bytes) -> None:
        """Always a MediaError: the sound is nowhere but in the daemon."""
        raise MediaError("rtpengine hands us no sound to record")

    async def stop_recording(self, recording: str) -> None:
        """There is none."""

    async def query(self, leg: str) -> Figures:
        """See MediaEngine."""
        opened = self._find(leg)
        if opened.lost:
            raise MediaError("the leg's instance of rtpengine is gone")
        answer = await opened.there.ask("query", {})
        codec = opened.agreement.codec if opened.agreement is not None else ""
        return Look.read(answer, codec=codec, by_dtls=opened.by_dtls).figures

    async def close(self, leg: str) -> None:
        """See MediaEngine."""
        opened = self._legs.get(leg)
        if opened is not None:
            await asyncio.shield(self._drop(opened))

    async def aclose(self) -> None:
        """Close all legs."""
        await self._watch.stop()
        for opened in list(self._legs.values()):
            self._drop(opened)
        await asyncio.gather(*self._ending)
        await self._instances.stop()
        self._digits.close()

    def counts(self) -> Counts:
        """What is held right now, for health and for tests of leaks."""
        return Counts(legs=len(self._legs), sockets=0, tasks=len(self._ending), ports=0)

    async def _offer(self, opened: Leg) -> None:
        all_formats = descriptions.make_offer(
            RtpLocal(NOWHERE, _DISCARD_PORT), opened.preferred, session_id=1, noise=False
        )
        near = await opened.there.offer(all_formats)
        if opened.profile is Profile.RTP:
            opened.secrecy.offered(near.section.cryptos)
        opened.text = descriptions.make_offer(
            self._local(opened, near),
            opened.preferred,
            session_id=opened.session_id,
            noise=False,
        )

    async def _answer(
        self, opened: Leg, description: sdp.Description, agreement: Agreement
    ) -> None:
        near = await self._meet(opened, description, agreement, offers=True)
        opened.text = self._answer_text(opened, description, near)

    def _answer_text(self, opened: Leg, description: sdp.Description, near: Near) -> str:
        assert opened.agreement is not None
        return descriptions.make_answer(
            description,
            opened.agreement,
            self._local(opened, near),
            session_id=opened.session_id,
            version=opened.version,
        )

    def _local(self, opened: Leg, near: Near) -> descriptions.Local:
        if opened.profile is Profile.WEBRTC:
            return near.browser_local()
        return near.phone_local(opened.security, opened.keying)

    async def _meet(
        self, opened: Leg, description: sdp.Description, agreement: Agreement, *, offers: bool
    ) -> Near:
        """Tell the instance of the peer; nothing changes when its description will not do."""
        # Comfort noise is made by nobody here: between equal codecs it passes, or is no codec.
        agreement = replace(agreement, noise_type=None)
        if opened.profile is Profile.WEBRTC:
            far = far_browser(
                agreement,
                negotiate.webrtc_remote(description),
                offers=offers,
                loopback=self._settings.loopback,
            )
            near = await opened.there.meet(far, offers=offers)
        else:
            section = negotiate.find_audio(description, opened.profile)
            remote = negotiate.rtp_remote(description)
            keying = opened.secrecy.read(section, answer=not offers)
            host = self._aim(remote.host, opened.peer)
            far = far_phone(section, agreement, remote, host, keying)
            near = await opened.there.meet(far, offers=offers)
            opened.secrecy.agree(keying)
            opened.keying = keying
        before, opened.agreement = opened.agreement, agreement
        if before is not None and opened.other is not None:
            await links.connect(opened, opened.other)
        if before is not None or opened.source is not None or not agreement.peer_listens:
            await links.play(opened)
        return near

    def _aim(self, described: str | None, peer: str | None) -> str:
        """Where a phone is sent to before it is heard: see media.latch for why."""
        signals = sdp.reachable_address(peer or "")
        if described is None or signals is None:
            return described or signals or NOWHERE
        address = ipaddress.ip_address(described)
        if any(address in network for network in self._trusted):
            return described
        return signals

    def _note_hold(self, opened: Leg, *, we_talked: bool) -> None:
        assert opened.agreement is not None
        held = hold.holds(opened.agreement, we_talked=we_talked, before=opened.held)
        if held != opened.held and opened.profile is Profile.RTP:
            opened.held = held
            self._emit(Held(opened.name, held))

    def _make_leg(
        self,
        call: str,
        leg: str,
        profile: Profile,
        description: sdp.Description | None,
        preferred: tuple[str, ...],
        peer: str | None,
        security: Security,
    ) -> Leg:
        section = negotiate.find_audio(description, profile) if description is not None else None
        host = (section.host if section is not None else None) or peer or NOWHERE
        client = self._home(call)
        made = Leg(
            name=leg,
            call=call,
            profile=profile,
            preferred=preferred,
            peer=peer,
            security=security,
            secrecy=Secrecy(security, "", secrets.token_bytes),
            there=InstanceCall(client, profile, security, family="IP6" if ":" in host else "IP4"),
        )
        self._legs[leg] = made
        self._instances.took(client)
        return made

    def _prefer(self, profile: Profile, codecs: tuple[str, ...]) -> tuple[str, ...]:
        """What a leg should speak: the call's codecs, or opus where browsers are asked for it."""
        asks = self._settings.browser_codec == "opus" and profile is Profile.WEBRTC
        return (negotiate.CODECS[0],) if asks and codecs else codecs

    def _heard_digit(self, name: str, digit: str, duration_ms: int) -> None:
        for leg in self._legs.values():
            if leg.there.name == name:
                self._emit(Digit(leg.name, digit, duration_ms))

    def _home(self, call: str) -> NgClient:
        """The instance that has the call's other legs, if it answers: their link is short."""
        theirs = (leg.there.client for leg in self._legs.values() if leg.call == call)
        return next(filter(self._instances.is_up, theirs), None) or self._instances.choose()

    def _find(self, leg: str) -> Leg:
        opened = self._legs.get(leg)
        if opened is None:
            raise MediaError("no leg of this name is open")
        return opened

    def _drop(self, opened: Leg) -> asyncio.Task[None]:
        """Forget a leg, and have its instance do so: in a task, to its end."""
        if self._legs.get(opened.name) is opened:
            del self._legs[opened.name]
            opened.closed = True
            self._instances.gave_back(opened.there.client)
        task = asyncio.create_task(self._end(opened))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        return task

    async def _end(self, opened: Leg) -> None:
        try:
            await links.part(opened)
        except MediaError as error:
            log.info("call %s: the other leg was not told of the end: %s", opened.call, error)
        try:
            if not opened.lost:
                await opened.there.end()
        except MediaError as error:
            log.info("call %s: %s", opened.call, error)

    def _instance_lost(self, client: NgClient) -> None:
        for leg in [each for each in self._legs.values() if each.there.client is client]:
            self._report_lost(leg, f"rtpengine at {client} does not answer")

    def _leg_lost(self, leg: Leg, error: MediaError) -> None:
        if isinstance(error, NoAnswer):
            self._instances.found_dead(leg.there.client)
        elif isinstance(error, Refused):
            # It was started anew, or took the leg for dead.
            self._report_lost(leg, str(error))

    def _report_lost(self, leg: Leg, detail: str) -> None:
        """The leg's sound is gone for good, with the process that had it."""
        if leg.lost:
            return
        leg.lost = True
        log.info("call %s: leg %s is gone: %s", leg.call, leg.name, detail)
        self._emit(Gone(leg.name))
