"""Wakes devices by push: the port of legs that sleep, and the ear for what became of a push."""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from signaling.call_actions import LegAction, RememberEnd, SendPush, ShowEnd
from signaling.call_events import Event, PushReported, WakingFailed
from signaling.call_model import Endpoint, EndpointKind
from signaling.call_wake import sip_call_id
from signaling.mailbox import Invitation
from signaling.push_jobs import job_key, make_job
from signaling.push_rows import StoredTarget, TargetKind
from signaling.push_targets import PushTargets
from signaling.shared.bus import Bus
from signaling.shared.crypto import Keyring
from signaling.shared.errors import WSPhoneError
from signaling.shared.push import Notice, PushKind, PushQueue, PushReport, Step
from signaling.shared.reasons import EndReason
from signaling.throttle import Throttle

log = logging.getLogger(__name__)

ENDED_SECONDS = 60.0
"""How long it is worth while to take a notification of a call away."""
MISSED_SECONDS = 86_400.0
"""How late somebody still wants to hear of a missed call."""

PUSHES_IN_A_ROW = 10
"""How often one caller has one device woken at once…"""
SECONDS_A_PUSH = 5.0
"""…and how long it takes until they may once more: who redials by hand is not faster for long."""

_LASTING = frozenset({Step.ACCEPTED, Step.FAILED, Step.DROPPED})


@dataclass(slots=True)
class _Sleeper:
    """A device of one call: its targets, the best first, and how far it is being woken."""

    targets: list[StoredTarget]
    invitation: Invitation | None = None
    tried: int = 0
    # The target whose push has not been reported on to the end.
    awaited: str | None = None

    @property
    def current(self) -> StoredTarget:
        """The target that was pushed last, or would be first."""
        return self.targets[max(0, self.tried - 1)]


@dataclass(frozen=True, slots=True)
class CallPort:
    """What waking says to calls: events to `post`, ends that come too early to `remember`."""

    post: Callable[[str, Event], None]
    remember: Callable[[Invitation, Endpoint, RememberEnd], None]


class Waking:
    """One push a device: to the target heard of last, and to the next one when that has failed.

    `topic` is where the workers report to; nobody else may use it.
    """

    def __init__(
        self,
        targets: PushTargets,
        queue: PushQueue,
        keyring: Keyring,
        bus: Bus,
        calls: CallPort,
        *,
        topic: str,
        refused: Callable[[], None],
        clock: Callable[[], float] = time.time,
        uptime: Callable[[], float] = time.monotonic,
    ) -> None:
        """`refused` hears of each push that is not made, as its caller had too many made."""
        self._targets = targets
        self._queue = queue
        self._keyring = keyring
        self._calls = calls
        self._topic = topic
        self._refused = refused
        self._clock = clock
        self._uptime = uptime
        self._pushes = Throttle(burst=PUSHES_IN_A_ROW, refill_seconds=SECONDS_A_PUSH)
        self._sleepers: dict[str, dict[str, _Sleeper]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._unsubscribe = bus.subscribe(topic, self._reported)

    def endpoints(self, call: str, targets: Sequence[StoredTarget]) -> list[Endpoint]:
        """The devices that a push to one of the targets can wake; they are one account's."""
        found: dict[str, list[StoredTarget]] = {}
        for target in sorted(targets, key=_last_heard_of, reverse=True):
            found.setdefault(target.device, []).append(target)
        self._sleepers[call] = {device: _Sleeper(its) for device, its in found.items()}
        return [_endpoint(its[0]) for its in found.values()]

    def forget(self, call: str) -> None:
        """The call is over: what is reported of its pushes goes to their targets only."""
        self._sleepers.pop(call, None)

    def revoke(self, account: str, *, login: str | None) -> None:
        """Push nobody any more, in the calls that there are, whose targets rest on the login.

        A device that was logged out is not to ring. Without a login, nobody of the account.
        """
        for call, sleepers in self._sleepers.items():
            for device, sleeper in list(sleepers.items()):
                target = sleeper.current
                if target.account == account and login in (None, target.login):
                    self._withdraw(call, device)
                    del sleepers[device]

    def count(self) -> int:
        """Calls that know whom they can wake."""
        return len(self._sleepers)

    def perform(self, invitation: Invitation, endpoint: Endpoint, action: LegAction) -> None:
        """Tell a device that sleeps what its call does; the rest is for legs that hear it."""
        match action:
            case SendPush(kind=kind, reason=reason):
                self._push(invitation, endpoint, kind, reason)
            case RememberEnd():
                self._calls.remember(invitation, endpoint, action)
            case ShowEnd():
                self._withdraw(invitation.call, endpoint.device or "")

    async def stop(self) -> None:
        """Hear no more reports, and keep what was heard."""
        self._unsubscribe()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- pushing

    def _push(
        self,
        invitation: Invitation,
        endpoint: Endpoint,
        kind: PushKind,
        reason: EndReason | None,
    ) -> None:
        sleeper = self._sleepers.get(invitation.call, {}).get(endpoint.device or "")
        now = self._clock()
        match kind:
            case PushKind.CALL if sleeper is None:
                self._calls.post(invitation.call, WakingFailed(endpoint.id, "its targets are gone"))
            case PushKind.CALL if sleeper is not None and self._may_push(invitation, endpoint):
                sleeper.invitation = invitation
                self._try_next(invitation, sleeper, "")
            case PushKind.CALL:
                why = EndReason.TOO_OFTEN
                self._calls.post(invitation.call, WakingFailed(endpoint.id, why.value, why))
            case PushKind.ENDED if sleeper is not None and sleeper.invitation is not None:
                self._put(invitation, sleeper.current, kind, now + ENDED_SECONDS, reason)
            case PushKind.MISSED if sleeper is not None and sleeper.current.wants_missed:
                # What was pushed for the call itself has counted.
                if sleeper.invitation is not None or self._may_push(invitation, endpoint):
                    self._put(invitation, sleeper.current, kind, now + MISSED_SECONDS, reason)

    def _may_push(self, invitation: Invitation, endpoint: Endpoint) -> bool:
        """Whether the caller may have the device pushed once more.

        A program that starts calls and gives them up would else wake a phone all night.
        """
        key = f"{invitation.caller.address} {endpoint.account} {endpoint.device}"
        may = self._pushes.take(key, self._uptime())
        if not may:
            log.info("call %s: its caller had a device pushed too often", invitation.call)
            self._refused()
        return may

    def _withdraw(self, call: str, device: str) -> None:
        """The call is over for the device: what no provider took yet would ring it in vain."""
        sleeper = self._sleepers.get(call, {}).get(device)
        if sleeper is not None and sleeper.invitation is not None and sleeper.awaited is not None:
            sleeper.awaited = None
            key = job_key(call, device, PushKind.CALL)
            self._queue.withdraw(key, sleeper.invitation.expires_at)

    def _try_next(self, invitation: Invitation, sleeper: _Sleeper, failure: str) -> None:
        if sleeper.tried == len(sleeper.targets):
            sleeper.awaited = None
            leg = leg_of(sleeper.current.device)
            self._calls.post(invitation.call, WakingFailed(leg, failure))
            return
        sleeper.tried += 1
        sleeper.awaited = sleeper.current.id
        self._put(invitation, sleeper.current, PushKind.CALL, invitation.expires_at, None)

    def _put(
        self,
        invitation: Invitation,
        stored: StoredTarget,
        kind: PushKind,
        expires_at: float,
        reason: EndReason | None,
    ) -> None:
        call, now = invitation.call, self._clock()
        notice = Notice(
            expires_at=expires_at,
            call=call,
            account=stored.account,
            from_address=invitation.caller.address,
            from_name=invitation.caller.name,
            ring_seconds=round(max(0.0, invitation.expires_at - now), 3),
            sip_call_id=sip_call_id(call, stored.device),
            reason=reason.value if reason is not None else None,
        )
        key = job_key(call, stored.device, kind)
        job = make_job(self._keyring, stored, kind, notice, key=key, reply_to=self._topic, now=now)
        self._queue.put(job)

    # --- what became of it

    def _reported(self, report: PushReport) -> None:
        # A cancel that is not sent says nothing of the target: there are phones that take none.
        is_withheld = (report.kind, report.step) == (PushKind.ENDED, Step.DROPPED)
        if report.step in _LASTING and not is_withheld:
            self._start(self._keep(report))
        if report.kind is not PushKind.CALL or report.call is None:
            return
        leg, reason = leg_of(report.device), report.reason
        told = PushReported(leg, report.step, report.provider, report.attempt, reason)
        self._calls.post(report.call, told)
        self._go_on(report.call, report)

    def _go_on(self, call: str, report: PushReport) -> None:
        """The next target once the one before has failed; a report that comes twice counts once."""
        sleeper = self._sleepers.get(call, {}).get(report.device)
        if sleeper is None or sleeper.invitation is None or sleeper.awaited != report.target:
            return
        if report.step is Step.ACCEPTED:
            sleeper.awaited = None
        elif report.step in (Step.FAILED, Step.DROPPED):
            self._try_next(sleeper.invitation, sleeper, report.reason or "unknown")

    async def _keep(self, report: PushReport) -> None:
        try:
            await self._targets.note(report)
            if report.dead:
                await self._targets.forget(report.target, report.registered_at)
        except WSPhoneError:
            log.exception("what became of a push to account %s is not kept", report.account)

    def _start(self, doing: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(doing, name="push report")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def leg_of(device: str) -> str:
    """The leg of a device that sleeps, in the calls of its account."""
    return f"wake:{device}"


def _last_heard_of(stored: StoredTarget) -> float:
    """When it was told to us, or last worked."""
    return max(stored.registered_at, stored.last_success_at or 0.0)


def _endpoint(stored: StoredTarget) -> Endpoint:
    is_phone = stored.kind is TargetKind.SIP
    return Endpoint(
        leg_of(stored.device),
        EndpointKind.WAKE,
        stored.account,
        stored.device,
        wakes=EndpointKind.CONTACT if is_phone else EndpointKind.SESSION,
    )
