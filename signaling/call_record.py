"""A call as its parties see it, and as the history keeps it."""

import asyncio
import time

from signaling import call_figures
from signaling.call_actions import Finish
from signaling.call_model import Leg, LegState, State, Taping
from signaling.call_state import Call
from signaling.mailbox import Mailbox
from signaling.shared.messages import CallInfo
from signaling.shared.model import CallRecord, LegRecord, LiveCall
from signaling.shared.reasons import SIP_CODE, EndedBy


def info(mailbox: Mailbox, leg_id: str, finish: Finish | None = None) -> CallInfo:
    """A call as one of its legs sees it."""
    call, leg = mailbox.call, mailbox.call.legs[leg_id]
    invitation = mailbox.invitation
    told = CallInfo(
        call=call.id,
        state=call.state.value,
        role="caller" if leg.caller else "callee",
        peer=invitation.to if leg.caller else invitation.caller.address,
        media=leg.media,
        seconds=call.seconds(asyncio.get_running_loop().time()),
        held_by=[party.side.value for party in call.parties() if party.holds],
        recording=call.taping is Taping.ON,
    )
    if finish is not None:
        reason = finish.reason if leg.caller or leg.reason is None else leg.reason
        told.reason, told.code, told.by = reason.value, SIP_CODE[reason], finish.by.value
        told.seconds = finish.seconds
    return told


def left_info(mailbox: Mailbox, account: str, device: str) -> CallInfo | None:
    """How a call that lives ended for a device of which nothing takes part any more."""
    legs = [
        leg
        for leg in mailbox.call.legs.values()
        if (leg.endpoint.account, leg.endpoint.device) == (account, device)
    ]
    reason = legs[0].reason if legs else None
    if reason is None or any(leg.live for leg in legs):
        return None
    told = info(mailbox, legs[0].id)
    told.state, told.seconds = State.ENDED.value, 0.0
    told.reason, told.code, told.by = reason.value, SIP_CODE[reason], EndedBy.CALLEE.value
    return told


def recorded_info(record: CallRecord, account: str) -> CallInfo:
    """A finished call, from the history, as one of its accounts saw it."""
    called = account == record.caller
    return CallInfo(
        call=record.id,
        state=State.ENDED.value,
        role="caller" if called else "callee",
        peer=record.callee_address if called else record.caller_address,
        media=0,
        seconds=record.seconds,
        reason=record.reason.value,
        code=record.code,
        by=record.by.value,
    )


def record(mailbox: Mailbox, finish: Finish) -> CallRecord:
    """What the history keeps of a call."""
    call, invitation, ended_at = mailbox.call, mailbox.invitation, time.time()
    return CallRecord(
        id=call.id,
        caller=call.caller_leg().endpoint.account,
        callee=call.callee_account,
        caller_address=invitation.caller.address,
        callee_address=invitation.to,
        mode=call.mode.value,
        state=_reached(call).value,
        reason=finish.reason,
        code=SIP_CODE[finish.reason],
        by=finish.by,
        started_at=mailbox.started_at,
        answered_at=ended_at - finish.seconds if call.answered_at is not None else None,
        ended_at=ended_at,
        seconds=finish.seconds,
        legs=tuple(leg_record(mailbox, leg) for leg in call.legs),
    )


def live_call(mailbox: Mailbox) -> LiveCall:
    """A call that goes on, as whoever looks into it sees it."""
    call, invitation, as_of = mailbox.call, mailbox.invitation, time.time()
    seconds = call.seconds(asyncio.get_running_loop().time())
    return LiveCall(
        id=call.id,
        caller=call.caller_leg().endpoint.account,
        callee=call.callee_account,
        caller_address=invitation.caller.address,
        callee_address=invitation.to,
        mode=call.mode.value,
        state=call.state.value,
        started_at=mailbox.started_at,
        answered_at=as_of - seconds if call.answered_at is not None else None,
        seconds=seconds,
        as_of=as_of,
        legs=tuple(leg_record(mailbox, leg) for leg in call.legs),
    )


def leg_record(mailbox: Mailbox, leg_id: str) -> LegRecord:
    """What the history keeps of one leg."""
    leg = mailbox.call.legs[leg_id]
    figures = mailbox.media.figures.get(leg_id)
    return LegRecord(
        id=f"{mailbox.call.id}/{leg_id}",
        kind=leg.endpoint.kind.value,
        endpoint=leg_id,
        account=leg.endpoint.account,
        state=_leg_reached(mailbox.call, leg).value,
        reason=leg.reason,
        codec=mailbox.call.codec if leg.engine or figures is not None else None,
        figures=call_figures.kept(figures) if figures is not None else {},
    )


def _reached(call: Call) -> State:
    """How far a call came before it ended."""
    if call.answered_at is not None:
        return State.TALKING
    if call.winner is not None:
        return State.CLAIMED
    return State.RINGING if len(call.legs) > 1 else State.TRYING


def _leg_reached(call: Call, leg: Leg) -> LegState:
    """How far a leg came before it was gone."""
    if leg.id in (call.caller, call.winner):
        return LegState.IN
    if leg.rang:
        return LegState.RINGING
    if leg.push is not None:
        return LegState.INVITED
    return LegState.NEW if leg.offer is None else LegState.INVITED
