"""Carries a call's media actions out on the media engine, and the engine's events back."""

import asyncio
import logging

from media.engine import (
    SILENCE,
    Connected,
    Digit,
    Failed,
    Figures,
    Gone,
    Held,
    IceCandidate,
    MediaEngine,
    MediaEvent,
    Profile,
    Security,
    Silent,
    Unrecorded,
)
from signaling.call_actions import (
    AcceptMedia,
    CloseMedia,
    FeedCandidates,
    JoinMedia,
    MediaAction,
    OpenMedia,
    PlayMedia,
    ReofferMedia,
    SendTones,
    UpdateMedia,
)
from signaling.call_events import (
    ChangeRefused,
    DigitHeard,
    Event,
    MediaAccepted,
    MediaConnected,
    MediaGone,
    MediaLost,
    MediaOpened,
    MediaRefused,
    MediaReoffered,
    MediaUpdated,
    PeerHeld,
    RecordingLost,
    TonesRefused,
    TonesSent,
    UpdateRefused,
)
from signaling.call_model import Heard, Leg
from signaling.call_recording import announced
from signaling.call_state import Call
from signaling.shared.errors import MediaError, PeerError, TryAgain, WrongState, WSPhoneError
from signaling.shared.reasons import EndReason

log = logging.getLogger(__name__)

ENGINE_SECONDS = 5.0
"""The engine answers within this or the leg has failed."""


def engine_leg(call: str, leg: str, media: int) -> str:
    """A leg's media generation as the engine knows it."""
    return f"{call}/{leg}/{media}"


def event_from(event: MediaEvent) -> tuple[str, Event]:
    """The call's id and the core's event for what the engine reports."""
    call, leg, generation = event.leg.split("/")
    media = int(generation)
    match event:
        case Connected():
            return call, MediaConnected(leg, media)
        case Silent():
            return call, MediaLost(leg, media, silent=True)
        case Failed(detail=detail):
            log.info("call %s: media %d of leg %s failed: %s", call, media, leg, detail)
            return call, MediaLost(leg, media, silent=False)
        case Gone():
            return call, MediaGone(leg, media)
        case Digit(digit=digit):
            return call, DigitHeard(leg, media, digit)
        case Held(held=held):
            return call, PeerHeld(leg, media, held)
        case Unrecorded(detail=detail):
            log.error("call %s is not recorded any more: %s", call, detail)
            return call, RecordingLost(leg, detail)


# What a phone is offered that refused our first offer, and then the next: many that talk encrypted
# only want the m= line to say so, and take one way alone of coming to the keys.
_INSISTING = (Security.REQUIRED, Security.DTLS)


class MediaLink:
    """One call's view of the engine; keeps the last figures of the legs that it closed."""

    def __init__(
        self,
        engine: MediaEngine,
        call: Call,
        music: str | None = None,
        *,
        srtp: Security = Security.OPTIONAL,
    ) -> None:
        """`music` is the file that whoever is held hears; `srtp` is for legs to SIP phones."""
        self._engine = engine
        self._srtp = srtp
        self._call = call
        self._sources = {Heard.OTHER: None, Heard.MUSIC: music, Heard.NOTHING: SILENCE}
        self.figures: dict[str, Figures] = {}

    async def perform(self, action: MediaAction) -> Event | None:
        """Do one action; returns what the core is to hear of it."""
        if isinstance(action, CloseMedia):
            await self._note_figures(action)
        try:
            async with asyncio.timeout(ENGINE_SECONDS):
                return await self._do(action)
        except PeerError as error:
            return self._refused(action, EndReason.INCOMPATIBLE, error)
        except TryAgain as error:
            full = WrongState(str(error), retry_after=error.retry_after)
            return self._refused(action, EndReason.LIMIT, full)
        except (MediaError, TimeoutError) as error:
            failure = WrongState(str(error) or "no answer in time", retry_after=1.0)
            return self._refused(action, EndReason.MEDIA_FAILED, failure)

    async def _do(self, action: MediaAction) -> Event | None:
        engine, leg = self._engine, self._id(action.leg, action.media)
        match action:
            case OpenMedia():
                return MediaOpened(action.leg, action.media, await self._open(leg, action))
            case AcceptMedia():
                codec = await engine.accept(leg, action.answer)
                return MediaAccepted(action.leg, action.media, codec)
            case UpdateMedia():
                answer = await engine.update(leg, action.offer)
                return MediaUpdated(action.leg, action.media, answer)
            case FeedCandidates():
                await engine.candidates(
                    leg,
                    [
                        IceCandidate(one.candidate, one.sdp_mid, one.sdp_m_line_index)
                        for one in action.candidates
                    ],
                )
            case JoinMedia():
                await engine.join(leg, self._id(action.other, action.other_media))
            case PlayMedia():
                await engine.play(leg, self._sources[action.heard])
            case ReofferMedia(heard=heard):
                talks, listens = heard is not Heard.NOTHING, heard is Heard.OTHER
                offer = await engine.reoffer(leg, talks=talks, listens=listens)
                return MediaReoffered(action.leg, action.media, offer)
            case SendTones():
                await engine.dtmf(leg, action.digits, action.duration_ms)
                return TonesSent(action.asked) if action.asked is not None else None
            case CloseMedia():
                await engine.close(leg)
        return None

    async def look(self, leg: Leg) -> Figures | None:
        """The figures of a leg's media now; None when the engine has none."""
        return await self._query(leg.id, leg.media)

    async def _note_figures(self, action: CloseMedia) -> None:
        """Whatever comes of it, the leg is closed after this."""
        figures = await self._query(action.leg, action.media)
        if figures is not None:
            self.figures[action.leg] = figures

    async def _query(self, leg: str, media: int) -> Figures | None:
        try:
            async with asyncio.timeout(ENGINE_SECONDS):
                return await self._engine.query(self._id(leg, media))
        except (WSPhoneError, TimeoutError) as error:
            log.info("call %s: no figures of media %d: %s", self._call.id, media, error)
            return None

    async def _open(self, leg: str, action: OpenMedia) -> str:
        endpoint = self._call.legs[action.leg].endpoint
        codecs = action.codecs
        if action.within is not None:
            codecs = self._engine.codecs(action.within)
        return await self._engine.open(
            self._call.id,
            leg,
            Profile.WEBRTC if self._call.legs[action.leg].webrtc else Profile.RTP,
            offer=action.offer,
            codecs=codecs,
            peer=endpoint.host,
            security=(self._srtp, *_INSISTING)[action.insists],
            recorded=announced(self._call),
        )

    def _refused(self, action: MediaAction, reason: EndReason, error: PeerError) -> Event | None:
        log.info("call %s: %s: %s", self._call.id, type(action).__name__, error)
        if isinstance(action, OpenMedia | AcceptMedia):
            return MediaRefused(action.leg, action.media, reason, str(error))
        if isinstance(action, SendTones) and action.asked is not None:
            return TonesRefused(action.asked, error)
        if isinstance(action, ReofferMedia):
            return ChangeRefused(action.leg, again=False)
        if isinstance(action, UpdateMedia):
            again = reason is EndReason.MEDIA_FAILED
            return UpdateRefused(action.leg, action.media, again)
        if isinstance(action, JoinMedia):
            return MediaLost(action.leg, action.media, silent=True, reason=reason)
        return None

    def _id(self, leg: str, media: int) -> str:
        return engine_leg(self._call.id, leg, media)
