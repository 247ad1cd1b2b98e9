"""The media engine inside this process: legs over aiortc and plain sockets, joined two by two."""

import asyncio
import logging
import os
import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from media import descriptions, hold, negotiate, record_aware, sdp
from media.bridge import Bridge, other_codec, passes
from media.engine import (
    Figures,
    Held,
    IceCandidate,
    MediaEvent,
    Profile,
    Recorded,
    Security,
)
from media.leg_maker import LegMaker
from media.listeners import Listeners
from media.places import default_places
from media.player import Player
from media.ports import PortPool
from media.recorder import Recorder
from media.reporter import Reporter
from media.rtp_leg import RtpLeg
from media.settings import Counts
from media.settings import MediaSettings as MediaSettings
from media.side import Side
from media.watch import Watch
from media.webrtc_leg import WebrtcLeg
from signaling.shared.errors import MediaError, WrongState

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Opened:
    call: str
    profile: Profile
    leg: RtpLeg | WebrtcLeg
    preferred: tuple[str, ...]
    peer: str | None
    # Of our descriptions' o= line: the version rises with each (RFC 3264, section 8).
    session_id: int = field(default_factory=lambda: secrets.randbits(62))
    version: int = 1
    # Our last description, and what it says that we do; whether the peer holds us.
    text: str = ""
    talks: bool = True
    listens: bool = True
    held: bool = False
    # It is to be recorded, and is not yet.
    announced: bool = False


class AiortcEngine:
    """Implements media.engine.MediaEngine; belongs to the event loop it was made on."""

    def __init__(self, settings: MediaSettings) -> None:
        # At info aioice writes each candidate's address, which is personal.
        logging.getLogger("aioice").setLevel(logging.WARNING)
        self._settings = settings
        self._pool = PortPool(
            settings.port_min,
            settings.port_max,
            rest_seconds=settings.rest_seconds,
            first=random.randrange(settings.port_max),
        )
        self._legs: dict[str, _Opened] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._listeners = Listeners()
        self._emit = self._listeners.tell
        self._maker = LegMaker(settings, self._pool, self._emit)
        self._player = Player()
        self._watch = Watch(
            self._sides,
            self._emit,
            silent_seconds=settings.silent_seconds,
            rests=self._player.rests,
        )
        self._reporter = Reporter(settings.report_seconds)
        self._bridge = Bridge(settings.max_transcoded or default_places(os.cpu_count() or 1))
        self._recorder = Recorder(self._bridge, self._player, self._emit)

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
        """See MediaEngine; a leg whose opening fails leaves nothing behind."""
        if leg in self._legs:
            raise MediaError("a leg of this name is open already")
        description = sdp.parse(offer) if offer is not None else None
        preferred = self._prefer(profile, codecs)
        agreement = negotiate.agree(description, profile, preferred) if description else None
        if agreement is not None:
            self._check_room(agreement.codec, codecs)
        made = self._maker.make(leg, profile, description, peer, security)
        announced = recorded and profile is Profile.RTP
        opened = _Opened(call, profile, made, preferred, peer, announced=announced)
        self._legs[leg] = opened
        try:
            made.open()
            if description is None or agreement is None:
                text = descriptions.make_offer(
                    opened.leg.local, preferred, session_id=opened.session_id
                )
            else:
                self._reach(opened, description, agreement)
                text = descriptions.make_answer(
                    description, agreement, opened.leg.local, session_id=opened.session_id
                )
        except Exception:
            await self.close(leg)
            raise
        self._watch.start()
        self._reporter.add(opened.leg.report)
        opened.text = self._mark(opened, text)
        return opened.text

    async def accept(self, leg: str, answer: str) -> str:
        """See MediaEngine; an RTP leg takes a second answer too (early media, then the final)."""
        opened = self._find(leg)
        description = sdp.parse(answer)
        agreement = negotiate.read_answer(description, opened.profile, opened.preferred)
        self._check_room(agreement.codec, opened.preferred)
        self._reach(opened, description, agreement, answer=True)
        self._note_hold(opened, agreement, we_talked=opened.talks)
        return agreement.codec

    async def update(self, leg: str, offer: str) -> str:
        """See MediaEngine."""
        opened = self._find(leg)
        agreed = opened.leg.side.agreement
        if agreed is None or not isinstance(opened.leg, RtpLeg):
            raise WrongState("only an RTP leg that has agreed on its media takes a new offer")
        description = sdp.parse(offer)
        agreement = negotiate.agree(
            description, opened.profile, other_codec(opened.leg.side), current=agreed.codec
        )
        self._reach(opened, description, agreement)
        opened.version += 1
        text = descriptions.make_answer(
            description,
            agreement,
            opened.leg.local,
            session_id=opened.session_id,
            version=opened.version,
        )
        text = hold.bounded(text, talks=opened.talks, listens=opened.listens)
        opened.text = self._mark(opened, text)
        self._note_hold(opened, agreement, we_talked=True)
        return opened.text

    async def reoffer(self, leg: str, *, talks: bool, listens: bool) -> str:
        """See MediaEngine."""
        opened = self._find(leg)
        agreed = opened.leg.side.agreement
        if agreed is None or not isinstance(opened.leg, RtpLeg):
            raise WrongState("only an RTP leg that has agreed on its media is made a new offer")
        opened.version += 1
        opened.talks, opened.listens, opened.preferred = talks, listens, (agreed.codec,)
        text = hold.reoffer(
            opened.text, agreed, version=opened.version, talks=talks, listens=listens
        )
        opened.text = self._mark(opened, text)
        return opened.text

    async def candidates(self, leg: str, candidates: list[IceCandidate]) -> None:
        """See MediaEngine; candidates of a leg that is gone, or has no ICE, are passed over."""
        opened = self._legs.get(leg)
        if opened is None or not isinstance(opened.leg, WebrtcLeg):
            return
        parsed = (sdp.parse_candidate(item.candidate) for item in candidates)
        await opened.leg.add_candidates([item for item in parsed if item is not None])

    async def join(self, leg: str, other: str) -> None:
        """See MediaEngine."""
        sides = self._find(leg).leg.side, self._find(other).leg.side
        self._bridge.join(*sides)
        self._player.joined(*sides)

    async def play(self, leg: str, source: str | None) -> None:
        """See MediaEngine."""
        await self._player.play(self._find(leg).leg.side, source)

    async def record(self, recording: str, left: str, right: str, path: str, key: bytes) -> None:
        """See MediaEngine."""
        opened = self._find(left), self._find(right)
        sides = opened[0].leg.side, opened[1].leg.side
        phones = tuple(each.leg.side for each in opened if isinstance(each.leg, RtpLeg))
        try:
            await self._recorder.record(recording, sides, phones, path, key)
        finally:
            for each in opened:
                each.announced = False

    async def stop_recording(self, recording: str) -> Recorded | None:
        """See MediaEngine."""
        return await self._recorder.stop(recording)

    async def dtmf(self, leg: str, digits: str, duration_ms: int) -> None:
        """See MediaEngine."""
        opened = self._find(leg)
        if not opened.leg.can_send:
            raise WrongState("the leg's media is not connected yet", retry_after=1.0)
        opened.leg.side.send_digits(digits, duration_ms)

    async def query(self, leg: str) -> Figures:
        """See MediaEngine."""
        return self._find(leg).leg.side.figures()

    async def close(self, leg: str) -> None:
        """See MediaEngine; goes on to its end when the caller is cancelled."""
        opened = self._legs.pop(leg, None)
        if opened is not None:
            log.debug("call %s: leg %s closed: %s", opened.call, leg, opened.leg.side.figures())
            self._player.forget(opened.leg.side)
            closing = asyncio.create_task(opened.leg.close())
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
            await asyncio.shield(closing)

    async def aclose(self) -> None:
        """End all recordings and close all legs."""
        await self._recorder.aclose()
        self._watch.stop()
        self._reporter.stop()
        self._bridge.stop()
        self._player.stop()
        await asyncio.gather(*(self.close(leg) for leg in list(self._legs)))
        await asyncio.gather(*self._closing)

    def counts(self) -> Counts:
        """What is held right now, for health and for tests of leaks."""
        legs = [opened.leg for opened in self._legs.values()]
        return Counts(
            legs=len(legs),
            sockets=sum(leg.socket_count for leg in legs),
            tasks=sum(leg.task_count for leg in legs) + len(self._closing),
            ports=self._pool.taken,
            transcoded=self._bridge.places.taken,
        )

    def _find(self, leg: str) -> _Opened:
        opened = self._legs.get(leg)
        if opened is None:
            raise MediaError("no leg of this name is open")
        return opened

    def _prefer(self, profile: Profile, codecs: tuple[str, ...]) -> tuple[str, ...]:
        """What a leg should speak: the call's codecs, or opus where browsers are asked for it."""
        ask = self._settings.browser_codec == "opus" and profile is Profile.WEBRTC
        if ask and codecs and self._bridge.places.has_room:
            return (negotiate.CODECS[0],)
        return codecs

    def _check_room(self, codec: str, preferred: tuple[str, ...]) -> None:
        """TryAgain where a leg would have to be transcoded, and there is no room for it."""
        if preferred and not passes(codec, preferred):
            self._bridge.places.check()

    def _mark(self, opened: _Opened, text: str) -> str:
        recorded = opened.announced or opened.leg.side.tap is not None
        return record_aware.marked(text, recorded=recorded, before=opened.text)

    def _note_hold(
        self, opened: _Opened, agreement: negotiate.Agreement, *, we_talked: bool
    ) -> None:
        held = hold.holds(agreement, we_talked=we_talked, before=opened.held)
        if held != opened.held and opened.profile is Profile.RTP:
            opened.held = held
            self._emit(Held(opened.leg.side.leg, held))

    def _sides(self) -> list[Side]:
        return [opened.leg.side for opened in self._legs.values()]

    def _reach(
        self,
        opened: _Opened,
        description: sdp.Description,
        agreement: negotiate.Agreement,
        *,
        answer: bool = False,
    ) -> None:
        """Aim the leg at the peer of a description; nothing changes when that cannot be."""
        leg = opened.leg
        if isinstance(leg, RtpLeg):
            remote = negotiate.rtp_remote(description)
            section = negotiate.find_audio(description, opened.profile)
            keying = leg.secrecy.read(section, answer=answer)
            self._bridge.agree(leg.side, agreement)
            leg.reach(remote, opened.peer)
            leg.protect(keying)
        else:
            leg.reach(negotiate.webrtc_remote(description))
            self._bridge.agree(leg.side, agreement)
        other = leg.side.other
        if other is not None:
            # A codec that changed leads their packets another way, around the music's gate.
            self._player.joined(leg.side, other)
