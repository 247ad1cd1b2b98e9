"""The registrar's bindings: which contacts an address of record has now (RFC 3261 10.3)."""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from signaling.shared.errors import PeerError
from signaling.sip.flow import Flow
from signaling.sip.message import Pair, Request
from signaling.sip.syntax import BadSip, number, without_parameters
from signaling.sip.timers import Deadlines
from signaling.sip.uri import NameAddr, Uri

_Q = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")


@dataclass(frozen=True, slots=True)
class Contact:
    """One binding. `id` stays over refreshes; requests go to `flow`, with `uri` in their line."""

    id: str
    aor: str
    uri: str
    flow: Flow
    instance: str | None
    reg_id: int | None
    q: float
    expires_at: float
    call_id: str
    cseq: int
    user_agent: str
    # The Contact's parameters but expires, as they came: they go back as they came.
    parameters: str


@dataclass(frozen=True, slots=True)
class Added:
    """An address of record can be reached in one more place."""

    contact: Contact


@dataclass(frozen=True, slots=True)
class Moved:
    """A phone refreshed its binding, and what was sent before may not have reached it.

    It does so from elsewhere, or it was started again: until then it keeps its Call-ID
    (RFC 3261 10.2).
    """

    contact: Contact


@dataclass(frozen=True, slots=True)
class Removed:
    """A binding is gone: taken back by its phone or by us, or `expired`."""

    contact: Contact
    expired: bool


BindingEvent = Added | Moved | Removed


@dataclass(frozen=True, slots=True)
class Registration:
    """What a REGISTER is to be answered with."""

    code: int
    headers: Sequence[Pair] = ()


@dataclass(frozen=True, slots=True)
class Rules:
    """What a registrar grants; a longer expiry is cut, a shorter one refused."""

    min_seconds: int = 60
    max_seconds: int = 3_600
    default_seconds: int = 3_600
    max_contacts: int = 10


class _Refused(PeerError):
    """Ends an update before anything of it was kept."""

    def __init__(self, code: int, *headers: Pair) -> None:
        super().__init__(str(code))
        self.registration = Registration(code, headers)


Bindings = dict[str, Contact]


class Registrar:
    """All bindings of all addresses of record. After every call, drain `events()`."""

    def __init__(self, new_id: Callable[[], str], rules: Rules | None = None) -> None:
        self._new_id = new_id
        self._rules = rules or Rules()
        self._bindings: dict[str, Bindings] = {}
        self._deadlines: Deadlines[tuple[str, str]] = Deadlines()
        self._events: list[BindingEvent] = []

    def register(self, aor: str, request: Request, flow: Flow, now: float) -> Registration:
        """Carry out a REGISTER that was authenticated for `aor`: all of it or nothing."""
        current = {
            contact.id: contact
            for contact in self._bindings.get(aor, {}).values()
            if contact.expires_at > now
        }
        try:
            if "*" in request.headers.values("contact"):
                wanted = _cleared(current, request)
            else:
                wanted = self._updated(current, aor, request, flow, now)
        except _Refused as refused:
            return refused.registration
        except BadSip:
            return Registration(400)
        self._keep(aor, wanted, now)
        return Registration(200, _listed(wanted.values(), now))

    def contacts(self, aor: str, now: float) -> list[Contact]:
        """Where an address of record can be reached, the most wanted first."""
        live = [c for c in self._bindings.get(aor, {}).values() if c.expires_at > now]
        return sorted(live, key=lambda contact: -contact.q)

    def remove(self, aor: str, contact_id: str | None = None) -> None:
        """Take back one binding, or all of them: the account or its phone was revoked."""
        for contact in list(self._bindings.get(aor, {}).values()):
            if contact_id in (None, contact.id):
                self._drop(contact, expired=False)

    def events(self) -> list[BindingEvent]:
        """What changed, in order; taken away."""
        events, self._events = self._events, []
        return events

    def next_timer(self) -> float | None:
        """When the next binding expires."""
        return self._deadlines.next()

    def handle_timer(self, now: float) -> None:
        """Let the time be `now`."""
        while due := self._deadlines.due(now):
            aor, contact_id = due
            contact = self._bindings.get(aor, {}).get(contact_id)
            if contact is not None:
                self._drop(contact, expired=True)

    def snapshot(self, now: float) -> list[dict[str, Any]]:
        """All bindings as plain data; times are in seconds from now, for another clock."""
        return [
            {**asdict(contact), "expires_at": contact.expires_at - now}
            for bindings in self._bindings.values()
            for contact in bindings.values()
        ]

    def restore(self, data: list[dict[str, Any]], now: float) -> None:
        """Take over the bindings that `snapshot` described; no events come of it."""
        for item in data:
            flow, expires_at = Flow(**item["flow"]), now + item["expires_at"]
            contact = Contact(**{**item, "flow": flow, "expires_at": expires_at})
            self._bindings.setdefault(contact.aor, {})[contact.id] = contact
            self._deadlines.set((contact.aor, contact.id), expires_at)

    def _updated(
        self, current: Bindings, aor: str, request: Request, flow: Flow, now: float
    ) -> Bindings:
        if len(request.contacts) > 2 * self._rules.max_contacts:
            raise _Refused(503)
        wanted = dict(current)
        for address in request.contacts:
            seconds = self._granted(address, request)
            contact = self._contact(aor, address, request, flow, now + seconds)
            known = [old for old in wanted.values() if _same_binding(old, contact)]
            for old in known:
                # A contact that this very request named before is no older request's.
                if old is current.get(old.id):
                    _check_order(old, request)
                del wanted[old.id]
            if seconds > 0:
                contact = replace(contact, id=known[0].id if known else self._new_id())
                wanted[contact.id] = contact
        if len(wanted) > max(self._rules.max_contacts, len(current)):
            raise _Refused(503)
        return wanted

    def _granted(self, address: NameAddr, request: Request) -> int:
        """How long a contact may stay, in seconds; 0 takes it back (RFC 3261 10.2.1.1)."""
        text = address.parameter("expires")
        if text is None:
            text = request.headers.first("expires")
        if text is None:
            return self._rules.default_seconds
        seconds = number(text, "expires")
        if 0 < seconds < self._rules.min_seconds:
            raise _Refused(423, ("Min-Expires", str(self._rules.min_seconds)))
        return min(seconds, self._rules.max_seconds)

    def _contact(
        self, aor: str, address: NameAddr, request: Request, flow: Flow, expires_at: float
    ) -> Contact:
        if address.uri.scheme not in ("sip", "sips"):
            raise BadSip("a Contact of another kind")
        reg_id = address.parameter("reg-id")
        return Contact(
            id="",
            aor=aor,
            uri=str(address.uri),
            flow=flow,
            instance=address.parameter("+sip.instance"),
            reg_id=None if reg_id is None else number(reg_id, "reg-id"),
            q=_preference(address.parameter("q")),
            expires_at=expires_at,
            call_id=request.call_id,
            cseq=request.cseq.number,
            user_agent=(request.headers.first("user-agent") or "")[:256],
            parameters=without_parameters(address.parameters, "expires"),
        )

    def _keep(self, aor: str, wanted: Bindings, now: float) -> None:
        before = self._bindings.get(aor, {})
        for contact in before.values():
            if contact.id not in wanted:
                self._deadlines.set((aor, contact.id), None)
                self._events.append(Removed(contact, expired=contact.expires_at <= now))
        for contact in wanted.values():
            self._deadlines.set((aor, contact.id), contact.expires_at)
            known = before.get(contact.id)
            if known is None:
                self._events.append(Added(contact))
            elif _way(known) != _way(contact):
                self._events.append(Moved(contact))
        if wanted:
            self._bindings[aor] = wanted
        else:
            self._bindings.pop(aor, None)

    def _drop(self, contact: Contact, *, expired: bool) -> None:
        bindings = self._bindings[contact.aor]
        del bindings[contact.id]
        if not bindings:
            del self._bindings[contact.aor]
        self._deadlines.set((contact.aor, contact.id), None)
        self._events.append(Removed(contact, expired=expired))


def _cleared(current: Bindings, request: Request) -> Bindings:
    if request.headers.values("contact") != ["*"] or request.headers.first("expires") != "0":
        raise _Refused(400)
    for contact in current.values():
        _check_order(contact, request)
    return {}


def _check_order(old: Contact, request: Request) -> None:
    # A later request of the same phone was carried out already (RFC 3261 10.3, steps 6 and 7).
    if old.call_id == request.call_id and old.cseq >= request.cseq.number:
        raise _Refused(500)


def _same_binding(old: Contact, new: Contact) -> bool:
    if new.instance and (old.instance, old.reg_id) == (new.instance, new.reg_id):
        return True
    return Uri.parse(old.uri).matches(Uri.parse(new.uri))


def _preference(q: str | None) -> float:
    if q is None:
        return 1.0
    if not _Q.fullmatch(q):
        raise BadSip("malformed q")
    return float(q)


def _listed(contacts: Iterable[Contact], now: float) -> list[Pair]:
    return [
        (
            "Contact",
            f"<{contact.uri}>{contact.parameters};expires={math.ceil(contact.expires_at - now)}",
        )
        for contact in contacts
    ]


def _way(contact: Contact) -> tuple[Flow, str, str]:
    return contact.flow, contact.uri, contact.call_id
