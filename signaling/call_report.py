"""A call as an administrator reads it: its record, its endpoints' fates and its timeline."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from signaling.branches import Branch, Verdict, branches, set_up
from signaling.shared.model import CallRecord, LiveCall
from signaling.timeline import Hop, What

WORDS = {
    What.CALLED: "calls",
    What.UNROUTABLE: "leads nowhere",
    What.FOUND: "found so many that can ring",
    What.APPEARED: "came while it rang",
    What.INVITED: "was asked to ring",
    What.RANG: "rings",
    What.ACCEPTED: "takes the call",
    What.ANSWERED: "answers",
    What.REFUSED: "refuses",
    What.HUNG_UP: "hangs up",
    What.LEFT: "is gone",
    What.DETACHED: "lost its socket",
    What.ATTACHED: "has a socket again",
    What.MEDIA_OPENED: "has media opened for it",
    What.MEDIA_AGREED: "agrees on its codec",
    What.MEDIA_REFUSED: "gets no media",
    What.MEDIA_CONNECTED: "has its media connected",
    What.MEDIA_SILENT: "is not heard any more",
    What.MEDIA_FAILED: "has its media failed",
    What.MEDIA_GONE: "has lost the process of its media",
    What.MEDIA_MOVES: "moves its media",
    What.CHANGED: "changes its session",
    What.HELD: "holds",
    What.UNHELD: "comes back",
    What.CHANGE_REFUSED: "does not show that it is held",
    What.RECORD_ASKED: "wants the call recorded",
    What.RECORD_OFF_ASKED: "wants the recording to end",
    What.RECORDING_BEGAN: "records the call",
    What.RECORDING_REFUSED: "does not record the call",
    What.RECORDING_FAILED: "cannot go on recording the call",
    What.RECORDING_ENDED: "ends the recording",
    What.PUSH_ASKED: "is to be pushed",
    What.PUSH_SENDING: "is being pushed",
    What.PUSH_ACCEPTED: "has its push accepted",
    What.PUSH_RETRYING: "is to be pushed again",
    What.PUSH_FAILED: "could not be pushed",
    What.PUSH_DROPPED: "was not pushed",
    What.PUSH_GIVEN_UP: "is reached by no push",
    What.TOLD_WAKING: "is told that a phone is woken",
    What.TOLD_RINGING: "is told that it rings",
    What.TOLD_EARLY: "hears sound from before the answer",
    What.TOLD_ANSWER: "is told of the answer",
    What.TOLD_END: "is told of the end",
    What.STOPPED: "the server stops the call",
    What.CUT: "more happened than is kept",
    What.ENDED: "the call is over",
}
VERDICTS = {
    Verdict.ANSWERED: "answered",
    Verdict.REFUSED: "refused",
    Verdict.ACCEPTED: "took the call, and its answer never came",
    Verdict.RANG: "rang, and was not answered",
    Verdict.LOST: "was asked to ring, and was gone before it did",
    Verdict.SILENT: "was asked to ring, and never said that it does",
    Verdict.NO_MEDIA: "could not ring, as there was no media for it",
    Verdict.WOKE: "was woken, and came",
    Verdict.ASLEEP: "was pushed, and never came",
    Verdict.NOT_PUSHED: "was to be pushed, and no provider took it",
    Verdict.UNTRIED: "was not asked to ring before the call was over",
}


_NOT_YET = {"reason": None, "code": None, "by": None, "ended_at": None}

AnyCall = CallRecord | LiveCall


def call_fields(call: AnyCall) -> dict[str, Any]:
    """The call as plain values; of one that goes on, what its end will tell is None."""
    return asdict(call) | (_NOT_YET if isinstance(call, LiveCall) else {})


def call_entry(call: AnyCall) -> dict[str, Any]:
    """One line of a list of calls."""
    entry = call_fields(call)
    del entry["legs"]
    return entry


def call_report(record: AnyCall, hops: Sequence[Hop]) -> dict[str, Any]:
    """All that is known of one call; `after` is in seconds since its start."""
    return call_fields(record) | {
        "set_up": asdict(set_up(hops)),
        "branches": [asdict(branch) for branch in branches(hops)],
        "hops": [asdict(hop) | {"after": after(record, hop.at)} for hop in hops],
    }


def after(record: AnyCall, at: float) -> float:
    """Seconds since the call's start, to the millisecond."""
    return round(max(0.0, at - record.started_at), 3)


def report_lines(record: AnyCall, hops: Sequence[Hop]) -> list[str]:
    """The report for a terminal: every hop with its time since the start, and what it comes to."""
    caller, callee = (
        each or "(removed)" for each in (record.caller_address, record.callee_address)
    )
    told_by_sip = "" if isinstance(record, LiveCall) else f"SIP {record.code}, "
    return [
        f"{caller} to {callee}",
        f"{outcome(record)}, {told_by_sip}{record.mode}, talked {record.seconds:.0f} s",
        "",
        *(_table([_columns(record, hop) for hop in hops]) or ["Its hops were not kept."]),
        *_fates(hops),
    ]


def outcome(call: AnyCall) -> str:
    """How a call ended, or how far it is."""
    if isinstance(call, LiveCall):
        return f"goes on, {call.state}"
    return f"{call.reason.value} by {call.by.value}"


def _columns(record: AnyCall, hop: Hop) -> tuple[str, ...]:
    told = (hop.kind, hop.leg or hop.device, hop.reason, hop.detail)
    more = " ".join(part for part in told if part)
    return f"+{after(record, hop.at):.3f}", hop.side.value, WORDS[hop.what], more


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        "  ".join([row[0].rjust(widths[0]), *map(str.ljust, row[1:], widths[1:])]).rstrip()
        for row in rows
    ]


def _fates(hops: Sequence[Hop]) -> list[str]:
    fates = branches(hops)
    if fates:
        return ["", "What was to ring:", *(f"  {_fate(branch)}" for branch in fates)]
    return ["", "There was nothing that could ring."] if hops else []


def _fate(branch: Branch) -> str:
    name = f"{branch.kind} {branch.leg}" if branch.leg else f"device {branch.device}"
    reason = f" ({branch.reason})" if branch.reason else ""
    return f"{name} {VERDICTS[branch.verdict]}{reason}"
