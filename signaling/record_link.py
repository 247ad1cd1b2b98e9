"""Carries a call's recording out: on the media engine, and in the table of recordings."""

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from typing import Protocol

from media.engine import MediaEngine, Recorded
from signaling.call_actions import RecordAction, RecordMedia
from signaling.call_events import Event, RecordingBegan, RecordingRefused
from signaling.call_state import Call
from signaling.media_link import ENGINE_SECONDS, engine_leg
from signaling.shared.errors import MediaError, PeerError, TryAgain, WrongState, WSPhoneError

log = logging.getLogger(__name__)

MAX_RECORDINGS = 50
"""Of one call: nobody begins and ends them to fill the disk with files."""


@dataclass(frozen=True, slots=True)
class NewRecording:
    """Where a recording is to be written, and the key that it is to be sealed with."""

    id: str
    path: str
    key: bytes


class Shelf(Protocol):
    """Where recordings are kept."""

    async def begin(self, call: str, caller: str, callee: str | None) -> NewRecording:
        """Note that a call between these accounts will be recorded."""

    async def finish(self, recording: str, recorded: Recorded) -> None:
        """Note what was recorded."""

    async def discard(self, recording: str) -> None:
        """It did not begin."""

    def abandon(self, recording: str) -> None:
        """Whoever wrote it is gone: what there is of it is to be finished."""


class RecordLink:
    """One call's recording; a call may have several, one after the other."""

    def __init__(self, engine: MediaEngine, call: Call, shelf: Shelf) -> None:
        self._engine = engine
        self._call = call
        self._shelf = shelf
        self._running: NewRecording | None = None
        self._begun = 0

    async def perform(self, action: RecordAction) -> Event | None:
        """Do one action; returns what the core is to hear of it."""
        try:
            if isinstance(action, RecordMedia):
                return await self._record(action)
            await self._stop()
        except PeerError as error:
            return self._refused(action, error)
        except TryAgain as error:
            later = WrongState(str(error), retry_after=error.retry_after)
            return self._refused(action, later)
        except (WSPhoneError, TimeoutError) as error:
            detail = str(error) or "the recorder did not answer in time"
            return self._refused(action, WrongState(detail))
        except Exception:  # noqa: BLE001  the edge of a recording: its call goes on
            log.exception("call %s: %s broke", self._call.id, type(action).__name__)
            return self._refused(action, WrongState("the recording failed on our side"))
        return None

    async def _record(self, action: RecordMedia) -> Event | None:
        if self._running is not None:
            try:
                await self._ask(self._running, action)
                return None
            except MediaError as error:
                # Another process carries the call now: what this one wrote stays as it is.
                log.info("call %s: its recording goes on in a new file: %s", self._call.id, error)
                with contextlib.suppress(MediaError, TimeoutError):
                    await self._stop()
        if self._begun >= MAX_RECORDINGS:
            raise WrongState(f"a call has at most {MAX_RECORDINGS} recordings")
        self._begun += 1
        caller = self._call.caller_leg().endpoint.account
        new = await self._shelf.begin(self._call.id, caller, self._call.callee_account)
        try:
            await self._ask(new, action)
        except BaseException:
            await self._shelf.discard(new.id)
            raise
        self._running = new
        return RecordingBegan()

    async def _ask(self, recording: NewRecording, action: RecordMedia) -> None:
        call, path, key = self._call.id, recording.path, recording.key
        left = engine_leg(call, action.leg, action.media)
        right = engine_leg(call, action.other, action.other_media)
        async with asyncio.timeout(ENGINE_SECONDS):
            await self._engine.record(recording.id, left, right, path, key)

    async def _stop(self) -> None:
        running, self._running = self._running, None
        if running is None:
            return
        recorded = None
        try:
            async with asyncio.timeout(ENGINE_SECONDS):
                recorded = await self._engine.stop_recording(running.id)
        finally:
            if recorded is None:
                self._shelf.abandon(running.id)
        if recorded is not None:
            await self._shelf.finish(running.id, recorded)

    def _refused(self, action: RecordAction, error: PeerError) -> Event | None:
        log.warning("call %s: %s: %s", self._call.id, type(action).__name__, error)
        return RecordingRefused(error) if isinstance(action, RecordMedia) else None
