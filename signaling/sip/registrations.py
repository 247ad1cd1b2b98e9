"""REGISTER on the wire and on disk: the registrar fed, its bindings kept over a restart."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from signaling import contacts as disk
from signaling.call_model import Endpoint, EndpointKind
from signaling.guard import source_of
from signaling.phones import Phones
from signaling.revocations import AccountRemoved, PhoneRemoved, Revocation
from signaling.shared.errors import BadMessage
from signaling.shared.model import Account
from signaling.shared.timers import call_at
from signaling.sip.admission import Admission
from signaling.sip.agent import SipAgent
from signaling.sip.bans import Bans
from signaling.sip.events import Received
from signaling.sip.flow import Flow
from signaling.sip.pn import device_of
from signaling.sip.push_contacts import PushContacts
from signaling.sip.registrar import Added, Contact, Moved, Registrar, Removed
from signaling.sip.uri import Uri


class Registrations:
    """Where each account's SIP phones are. A binding knows the phone whose secret made it."""

    def __init__(
        self,
        agent: SipAgent,
        admission: Admission,
        bans: Bans,
        registrar: Registrar,
        kept: disk.Contacts,
        phones: Phones,
        push: PushContacts,
        appeared: Callable[[Endpoint], None],
    ) -> None:
        self._agent = agent
        self._admission = admission
        self._bans = bans
        self._registrar = registrar
        self._kept = kept
        self._phones = phones
        self._push = push
        self._appeared = appeared
        self._aor_of: dict[str, str] = {}
        self._phone_of: dict[str, str] = {}
        # Of every connection, whose bindings rest on it or once did.
        self._aors_over: dict[Flow, set[str]] = {}
        self._timer: asyncio.TimerHandle | None = None
        agent.serve("REGISTER", self._register)
        agent.on_lost(self._lost)

    async def load(self) -> None:
        """Take over what was registered before the restart."""
        now, wall = self._agent.now(), time.time()
        restored = []
        kept = await self._kept.load()
        revoked = await self._phones.missing({stored.snapshot["phone"] for stored in kept})
        for stored in kept:
            item = dict(stored.snapshot)
            if item["phone"] in revoked:
                continue
            if Flow(**item["flow"]).reliable:
                continue  # Its connection ended with the process that had it.
            self._aor_of[stored.id] = stored.aor
            self._phone_of[stored.id] = item.pop("phone")
            restored.append(item | {"expires_at": stored.expires_at - wall})
        self._registrar.restore(restored, now)
        self._arm()

    def endpoints(self, account: Account) -> list[Endpoint]:
        """The account's phones that can be called now."""
        return [
            _endpoint(account, contact)
            for contact in self._registrar.contacts(_aor(account.address), self._agent.now())
        ]

    def binding(self, contact_id: str) -> Contact | None:
        """The binding with this id, while it lives."""
        aor = self._aor_of.get(contact_id)
        if aor is None:
            return None
        live = self._registrar.contacts(aor, self._agent.now())
        return next((contact for contact in live if contact.id == contact_id), None)

    def at(self, account: Account, flow: Flow) -> Endpoint | None:
        """The account's phone that sits behind a flow."""
        live = self._registrar.contacts(_aor(account.address), self._agent.now())
        found = next((contact for contact in live if contact.flow == flow), None)
        return None if found is None else _endpoint(account, found)

    def phones(self) -> set[str]:
        """The ids of the phones that are registered."""
        return set(self._phone_of.values())

    def forget(self, phone: str) -> None:
        """Let go of what rests on a phone that was removed."""
        for contact, owner in list(self._phone_of.items()):
            if owner == phone:
                self._registrar.remove(self._aor_of[contact], contact)
        self._settle()

    def count(self) -> int:
        """Bindings held."""
        return len(self._aor_of)

    def revoke(self, revocation: Revocation) -> None:
        """Let go of bindings that rest on what is gone."""
        if isinstance(revocation, AccountRemoved):
            self._registrar.remove(_aor(revocation.address))
            self._settle()
        elif isinstance(revocation, PhoneRemoved):
            self.forget(revocation.phone)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    async def _register(self, received: Received) -> None:
        admitted = await self._admission.admit(received)
        if admitted is None:
            return
        try:
            told = self._push.read(received.request)
        except BadMessage as error:
            code, refusal = self._push.refusal(error)
            self._agent.respond(received, code, *refusal)
            return
        account, now = admitted.account, self._agent.now()
        aor = _aor(account.address)
        answer = self._registrar.register(aor, received.request, received.flow, now)
        appeared = self._settle(admitted.phone)
        for contact in self._registrar.contacts(aor, now):
            if (contact.call_id, contact.cseq) == _order(received):
                self._phone_of[contact.id] = admitted.phone
        headers = list(answer.headers)
        if answer.code == 200:
            self._note(aor, received.flow)
            await self._keep(aor)
            headers += await self._push.keep(account.id, admitted.phone, told)
        self._agent.respond(received, answer.code, *headers)
        for contact in appeared:
            self._hasten(contact.flow)
            self._appeared(_endpoint(account, contact))

    def _hasten(self, flow: Flow) -> None:
        self._agent.do(lambda stack, now: stack.hasten(flow, now))

    def _note(self, aor: str, flow: Flow) -> None:
        """Remember what rests on the flow, and spare its host while anything does."""
        here = [c for c in self._registrar.contacts(aor, self._agent.now()) if c.flow == flow]
        if here:
            self._bans.exempt(source_of(flow.host), max(c.expires_at for c in here))
        if here and flow.reliable:
            self._aors_over.setdefault(flow, set()).add(aor)

    def _lost(self, flow: Flow) -> None:
        """A binding ends with its connection: nothing else leads to the phone (RFC 5626 5.3)."""
        for aor in self._aors_over.pop(flow, ()):
            for contact in self._registrar.contacts(aor, self._agent.now()):
                if contact.flow == flow:
                    self._registrar.remove(aor, contact.id)
        self._settle()

    def _settle(self, phone: str = "") -> list[Contact]:
        """Follow what changed in the registrar; returns the bindings to be called anew."""
        appeared = []
        for event in self._registrar.events():
            contact = event.contact
            match event:
                case Added():
                    self._aor_of[contact.id] = contact.aor
                    self._phone_of[contact.id] = phone
                    appeared.append(contact)
                case Moved():
                    appeared.append(contact)
                case Removed():
                    self._aor_of.pop(contact.id, None)
                    self._phone_of.pop(contact.id, None)
        self._arm()
        return appeared

    async def _keep(self, aor: str) -> None:
        now, wall = self._agent.now(), time.time()
        live = self._registrar.contacts(aor, now)
        rows = [
            disk.Contact(aor, contact.id, self._snapshot(contact), wall + contact.expires_at - now)
            for contact in live
        ]
        await self._kept.replace(aor, rows)

    def _snapshot(self, contact: Contact) -> dict[str, Any]:
        return asdict(contact) | {"phone": self._phone_of[contact.id]}

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        at = self._registrar.next_timer()
        if at is not None:
            self._timer = call_at(at, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._registrar.handle_timer(self._agent.now())
        self._settle()


def _order(received: Received) -> tuple[str, int]:
    return received.request.call_id, received.request.cseq.number


def _aor(address: str) -> str:
    return f"sip:{address}"


def _endpoint(account: Account, contact: Contact) -> Endpoint:
    flow = contact.flow
    return Endpoint(
        contact.id,
        EndpointKind.CONTACT,
        account.id,
        device=device_of(contact.instance, Uri.parse(contact.uri)),
        host=flow.host,
        path=f"{contact.uri} over {flow.transport} {flow.host} {flow.port}",
    )
