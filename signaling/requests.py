"""What clients may ask: each method of the protocol, its params, and what it does."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import msgspec

from signaling.call_events import (
    Accepted,
    Answered,
    Attached,
    Detached,
    DtmfAsked,
    HoldAsked,
    HungUp,
    Left,
    MediaReported,
    OfferMade,
    OfferTaken,
    Rang,
    RecordAsked,
    Rejected,
    Trickled,
)
from signaling.call_model import LegState
from signaling.call_record import info
from signaling.candidates import MayBeTold, screened, told
from signaling.connection import METHOD_NOT_FOUND
from signaling.connection import Rejected as RefusedMessage
from signaling.mailbox import Mailbox
from signaling.people import People
from signaling.sessions import Session, Sessions
from signaling.shared import messages
from signaling.shared.errors import NoSuchCall
from signaling.shared.messages import Done, Result
from signaling.shared.reasons import SIP_CODE, EndedBy, EndReason
from signaling.switchboard import Switchboard

Answer = Result | Awaitable[Result]
Method = tuple[type[Any], Callable[[Session, Any], Answer]]
"""The type of a method's params, and what it does."""


class Requests:
    """Carries clients' requests to their calls, and sessions' comings and goings."""

    def __init__(
        self,
        switchboard: Switchboard,
        sessions: Sessions,
        people: People,
        clock: Callable[[], float],
        may_be_told: MayBeTold,
        more: Mapping[str, Method] | None = None,
    ) -> None:
        """`may_be_told` is for what one client names to another; `more` has nothing to do with
        calls."""
        self._switchboard = switchboard
        self._sessions = sessions
        self._people = people
        self._clock = clock
        self._may_be_told = may_be_told
        self._methods: dict[str, Method] = {
            "session.ping": (messages.SessionPing, self._ping),
            "session.state": (messages.SessionState, self._state),
            "session.close": (messages.SessionClose, self._close),
            "call.start": (messages.CallStart, self._start),
            "call.ringing": (messages.CallRef, self._ringing),
            "call.accept": (messages.CallRef, self._accept),
            "call.answer": (messages.CallAnswer, self._answer),
            "call.reject": (messages.CallReject, self._reject),
            "call.hangup": (messages.CallRef, self._hangup),
            "call.get": (messages.CallRef, self._get),
            "call.dtmf": (messages.CallDtmf, self._dtmf),
            "call.hold": (messages.CallRef, partial(self._hold, held=True)),
            "call.unhold": (messages.CallRef, partial(self._hold, held=False)),
            "call.record": (messages.CallRecord, self._record),
            "media.offer": (messages.MediaOffer, self._offer),
            "media.answer": (messages.MediaAnswer, self._take_offer),
            "media.candidates": (messages.MediaCandidates, self._candidates),
            "media.state": (messages.MediaState, self._media_state),
            "directory.list": (messages.DirectoryList, self._list_people),
            **(more or {}),
        }

    # --- sessions, as the hub sees them

    def opened(self, session: Session) -> None:
        self._switchboard.appeared(session.endpoint)

    async def woken(self, session: Session, call: str) -> None:
        if self._switchboard.late_ends.was_told(call, session.endpoint):
            return
        owner, device = session.account.id, session.device.id
        ended = await self._switchboard.how_it_ended(call, owner, device)
        if ended is not None:
            session.send(_ended(ended))
            return
        try:
            self._switchboard.find(call, owner)
        except NoSuchCall:
            # Lost in a crash: the phone was pushed, and shows a call until it hears of its end.
            reason = EndReason.SERVER_RESTART
            by, code = EndedBy.SERVER.value, SIP_CODE[reason]
            session.send(messages.CallEnded(call, reason.value, code, by, seconds=0.0))

    def resumed(self, session: Session) -> None:
        self._switchboard.touch(session.id, Attached(session.id))

    def detached(self, session: Session) -> None:
        self._switchboard.touch(session.id, Detached(session.id))

    def left(self, session: Session) -> None:
        self._switchboard.touch(session.id, Left(session.id))

    def current(self, session: Session) -> list[messages.CallInfo]:
        return self._switchboard.calls_of_device(session.account.id, session.device.id)

    def request(self, session: Session, method: str, params: msgspec.Raw) -> Answer:
        known = self._methods.get(method)
        if known is None:
            raise RefusedMessage(METHOD_NOT_FOUND, f"there is no method {method}")
        kind, do = known
        return do(session, msgspec.json.decode(params, type=kind))

    # --- the methods

    def _ping(self, session: Session, params: messages.SessionPing) -> Answer:
        session.events.acknowledge(params.seq)
        return messages.Pong(round(self._clock(), 3))

    def _state(self, session: Session, params: messages.SessionState) -> Answer:
        session.foreground = params.app_state == "foreground"
        return Done()

    def _close(self, session: Session, params: messages.SessionClose) -> Answer:
        self._sessions.remove(session)
        self.left(session)
        return Done()

    def _start(self, session: Session, params: messages.CallStart) -> Answer:
        account = session.account
        mailbox = self._switchboard.start(
            str(params.call),
            session.endpoint,
            messages.Party(account.address, account.display_name),
            to=params.to,
            media=params.media,
            offer=self._screened(params.offer),
        )
        return messages.CallStarted(mailbox.call.id, mailbox.call.state.value)

    def _ringing(self, session: Session, params: messages.CallRef) -> Answer:
        self._mailbox(session, params).post(Rang(session.id))
        return Done()

    def _accept(self, session: Session, params: messages.CallRef) -> Answer:
        mailbox = self._mailbox(session, params)
        return mailbox.ask(lambda request: Accepted(session.id, request))

    def _answer(self, session: Session, params: messages.CallAnswer) -> Answer:
        mailbox, answer = self._mailbox(session, params), self._screened(params.answer)
        return mailbox.ask(lambda request: Answered(session.id, answer, request, params.media))

    def _reject(self, session: Session, params: messages.CallReject) -> Answer:
        self._mailbox(session, params).post(Rejected(session.id, EndReason(params.reason)))
        return Done()

    def _hangup(self, session: Session, params: messages.CallRef) -> Answer:
        mailbox = self._mailbox(session, params)
        mailbox.post(HungUp(_leg_of(session, mailbox) or session.id))
        return Done()

    async def _get(self, session: Session, params: messages.CallRef) -> Result:
        owner, device = session.account.id, session.device.id
        ended = await self._switchboard.how_it_ended(str(params.call), owner, device)
        if ended is not None:
            return ended
        mailbox = self._mailbox(session, params)
        leg = _leg_of(session, mailbox)
        if leg is None:
            raise NoSuchCall("this device takes no part in the call")
        return info(mailbox, leg)

    def _dtmf(self, session: Session, params: messages.CallDtmf) -> Answer:
        mailbox = self._mailbox(session, params)
        return mailbox.ask(
            lambda request: DtmfAsked(
                session.id, params.n, params.digits, params.duration_ms, request
            )
        )

    def _hold(self, session: Session, params: messages.CallRef, *, held: bool) -> Answer:
        mailbox = self._mailbox(session, params)
        return mailbox.ask(lambda request: HoldAsked(session.id, held, request))

    def _record(self, session: Session, params: messages.CallRecord) -> Answer:
        mailbox = self._mailbox(session, params)
        return mailbox.ask(lambda request: RecordAsked(session.id, params.on, request))

    def _offer(self, session: Session, params: messages.MediaOffer) -> Answer:
        mailbox, offer = self._mailbox(session, params), self._screened(params.offer)
        return mailbox.ask(lambda request: OfferMade(session.id, params.media, offer, request))

    def _take_offer(self, session: Session, params: messages.MediaAnswer) -> Answer:
        mailbox, answer = self._mailbox(session, params), self._screened(params.answer)
        return mailbox.ask(lambda request: OfferTaken(session.id, params.media, answer, request))

    def _candidates(self, session: Session, params: messages.MediaCandidates) -> Answer:
        candidates = told(params.candidates, self._may_be_told)
        mailbox = self._mailbox(session, params)
        mailbox.post(Trickled(session.id, params.media, candidates, params.end))
        return Done()

    def _media_state(self, session: Session, params: messages.MediaState) -> Answer:
        connected = params.state == "connected"
        mailbox = self._mailbox(session, params)
        mailbox.post(MediaReported(session.id, params.media, connected))
        return Done()

    def _list_people(self, session: Session, _params: messages.DirectoryList) -> Answer:
        return self._people.listed(session.id, session.account.address)

    def _screened(self, description: str) -> str:
        return screened(description, self._may_be_told)

    def _mailbox(self, session: Session, params: Any) -> Mailbox:
        return self._switchboard.find(str(params.call), session.account.id)


def _leg_of(session: Session, mailbox: Mailbox) -> str | None:
    """The session's leg; else that of its device, which may have lost its session on the way."""
    legs = mailbox.call.legs
    if session.id in legs:
        return session.id
    owner = (session.account.id, session.device.id)
    return next(
        (
            leg.id
            for leg in legs.values()
            if leg.state is LegState.IN and (leg.endpoint.account, leg.endpoint.device) == owner
        ),
        None,
    )


def _ended(call: messages.CallInfo) -> messages.CallEnded:
    return messages.CallEnded(
        call=call.call,
        reason=call.reason or EndReason.ERROR.value,
        code=call.code or 500,
        by=call.by or EndedBy.SERVER.value,
        seconds=round(call.seconds, 3),
    )
