"""The nouns several parts share: accounts, devices, and calls as the history keeps them."""

from collections.abc import Mapping
from dataclasses import dataclass

from signaling.shared.reasons import EndedBy, EndReason


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who can log in, call and be called."""

    id: str
    name: str
    # `name@domain`: the SIP address of record without its scheme.
    address: str
    display_name: str
    # Rises with every new password; a token of an older generation is worth nothing.
    generation: int
    is_admin: bool


@dataclass(frozen=True, slots=True)
class Device:
    """An installed app or a browser profile of an account; `id` is unique within the account."""

    account: str
    id: str
    # web, ios, android, desktop or other.
    platform: str
    model: str
    os_version: str
    app_version: str


@dataclass(frozen=True, slots=True)
class LegRecord:
    """How one leg of a finished call went."""

    id: str
    # session, contact, wake target or trunk.
    kind: str
    # The session's or binding's id, for whoever looks into a call.
    endpoint: str
    # The account whose leg it was; None for a party that has none here.
    account: str | None
    # The state that the leg was in when it ended.
    state: str
    reason: EndReason | None
    codec: str | None
    # What `query(leg)` of the media engine said last: plain JSON values.
    figures: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class _CallFacts:
    """What is told of every call. Times are Unix seconds; `seconds` is talk time."""

    id: str
    # None for a party that is not an account here.
    caller: str | None
    callee: str | None
    caller_address: str
    callee_address: str
    # direct or anchored.
    mode: str
    # The state that the call is in, or was in when it ended.
    state: str
    started_at: float
    answered_at: float | None
    seconds: float
    legs: tuple[LegRecord, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveCall(_CallFacts):
    """A call that goes on, as it was at `as_of`."""

    as_of: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord(_CallFacts):
    """A finished call as the history keeps it."""

    reason: EndReason
    # The SIP code that tells the reason.
    code: int
    by: EndedBy
    ended_at: float
