"""Calls of SIP phones: INVITEs to the switchboard, and what calls do to the phones."""

import uuid

from signaling.call_actions import (
    LegAction,
    ProposeChange,
    RefuseChange,
    Ring,
    ShowAnswer,
    ShowEarly,
    ShowEnd,
    ShowLateEnd,
    ShowRinging,
    ShowWaking,
)
from signaling.call_events import (
    Answered,
    ChangeAgreed,
    ChangeAsked,
    Changed,
    ChangeRefused,
    EarlyAnswered,
    Event,
    HungUp,
    KeyPressed,
    Left,
    Rang,
    Rejected,
)
from signaling.call_model import Endpoint, EndpointKind
from signaling.call_wake import sip_call_id
from signaling.mailbox import Invitation
from signaling.shared.errors import TryAgain
from signaling.shared.messages import Party
from signaling.shared.model import Account
from signaling.shared.reasons import SIP_CODE, EndReason, from_sip
from signaling.sip import events as sip
from signaling.sip.admission import Admission
from signaling.sip.agent import SipAgent
from signaling.sip.events import LegEvent, Received
from signaling.sip.registrations import Registrations
from signaling.sip.uri import NameAddr, Uri
from signaling.switchboard import Switchboard

CALLER_MEDIA = 1
# For a call that is over before it rings: whoever answers it is hung up on at once.
_SILENCE = (
    "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
    "m=audio 9 RTP/AVP 8 0\r\na=inactive\r\n"
)
_NO_EMERGENCY_CALLS = "No emergency calls here. Use a mobile phone or another line"


class PhoneCalls:
    """The leg port of SIP phones.

    A leg of the stack is named `call/endpoint`, and `call/endpoint/media` when we call: a phone
    that comes back another way is called again while the stack still takes the first leg down.
    """

    def __init__(
        self,
        agent: SipAgent,
        admission: Admission,
        registrations: Registrations,
        switchboard: Switchboard,
        *,
        domain: str,
    ) -> None:
        self._agent = agent
        self._admission = admission
        self._registrations = registrations
        self._switchboard = switchboard
        self._domain = domain
        # The newest leg of the stack for what we called.
        self._called: dict[str, str] = {}
        agent.serve("INVITE", self._invited)
        agent.on_leg(self._happened)

    def count(self) -> int:
        """Phones that are called or talk after they were called."""
        return len(self._called)

    # --- what a call does to a phone

    def perform(self, invitation: Invitation, endpoint: Endpoint, action: LegAction) -> None:
        name = f"{invitation.call}/{endpoint.id}"
        leg = self._called.get(name, name)
        agent = self._agent
        match action:
            case Ring(media=media, offer=offer):
                self._abandon(name)
                self._called[name] = f"{name}/{media}"
                if not self._call(invitation, endpoint, f"{name}/{media}", offer):
                    self._switchboard.post(invitation.call, Left(endpoint.id))
            case ShowRinging() | ShowWaking() | ShowEarly():
                code, sdp = _progress(action)
                agent.do(lambda stack, now: stack.ring(leg, code, sdp=sdp, now=now))
            case ShowAnswer(answer=answer):
                # Where it repeats an early one it has to be the same (RFC 3261 13.2.1).
                agent.do(lambda stack, now: stack.answer(leg, answer, now=now))
            case ProposeChange() | RefuseChange():
                self._change(leg, action)
            case ShowEnd(reason=reason):
                self._called.pop(name, None)
                self._end(leg, reason)
            case ShowLateEnd(reason=reason):
                # A phone that was woken has promised its system a call: it is shown one, which is
                # cancelled as soon as the phone has said anything.
                if self._call(invitation, endpoint, f"{name}/late", _SILENCE):
                    self._end(f"{name}/late", reason)

    def _abandon(self, name: str) -> None:
        """What rings for this leg by now is not to ring on: the phone is called another way."""
        before = self._called.get(name)
        if before is not None:
            self._agent.do(lambda stack, now: stack.hang_up(before, now=now))

    def _call(self, invitation: Invitation, endpoint: Endpoint, leg: str, offer: str) -> bool:
        """Call the phone; False when its binding is gone."""
        binding = self._registrations.binding(endpoint.id)
        if binding is None:
            return False
        caller = Uri.parse(f"sip:{invitation.caller.address}")
        callee = Uri.parse(binding.aor)
        device = endpoint.device
        self._agent.do(
            lambda stack, now: stack.call(
                leg,
                target=binding.uri,
                flow=binding.flow,
                from_=NameAddr(caller, invitation.caller.name),
                to=NameAddr(callee),
                sdp=offer,
                now=now,
                call_id=sip_call_id(invitation.call, device) if device is not None else None,
            )
        )
        return True

    def _change(self, leg: str, action: ProposeChange | RefuseChange) -> None:
        match action:
            case ProposeChange(offer=offer):
                self._agent.do(lambda stack, now: stack.propose(leg, offer, now=now))
            case RefuseChange(again=again):
                self._refuse_change(leg, again=again)

    def _refuse_change(self, leg: str, *, again: bool) -> None:
        code, header = 500, ("Retry-After", "1")
        if not again:
            code = SIP_CODE[EndReason.INCOMPATIBLE]
            header = ("Warning", f'399 {self._domain} "This call cannot be changed so"')
        self._agent.do(lambda stack, now: stack.refuse_offer(leg, code, now=now, headers=[header]))

    def _end(self, leg: str, reason: EndReason) -> None:
        """Refuse an INVITE that is not answered; cancel ours, or say BYE; whichever applies."""
        code = SIP_CODE[reason]
        is_emergency = reason is EndReason.EMERGENCY
        text = _NO_EMERGENCY_CALLS if is_emergency else reason.value
        cause = f'SIP;cause={code};text="{text}"'
        headers = [("Reason", cause)]
        if code == 503 or reason is EndReason.TOO_OFTEN:
            headers.append(("Retry-After", "5"))
        if code == 488:
            headers.append(("Warning", f'305 {self._domain} "No codec that both sides have"'))
        if is_emergency:
            headers.append(("Warning", f'399 {self._domain} "{text}"'))
        refusal = code if code >= 300 else 480
        said = None if reason is EndReason.HANGUP else cause
        self._agent.do(lambda stack, now: stack.reject(leg, refusal, now=now, headers=headers))
        self._agent.do(lambda stack, now: stack.hang_up(leg, now=now, reason=said))

    # --- what phones do

    async def _invited(self, received: Received) -> None:
        admitted = await self._admission.admit(received)
        if admitted is None:
            return
        account = admitted.account
        request = received.request
        if request.sdp is None:
            warning = ("Warning", f'399 {self._domain} "An INVITE here needs an offer"')
            self._agent.respond(received, 488, warning)
            return
        call = str(uuid.uuid4())
        caller = self._caller(account, received)
        try:
            self._switchboard.start(
                call,
                caller,
                Party(account.address, account.display_name),
                to=_dialled(request.uri),
                media=CALLER_MEDIA,
                offer=request.sdp,
            )
        except TryAgain as error:
            retry = ("Retry-After", str(int(error.retry_after)))
            self._agent.respond(received, SIP_CODE[EndReason.LIMIT], retry)
            return
        # Taken once the call is there to hear of it: it may have been cancelled meanwhile.
        leg = f"{call}/{caller.id}"
        self._agent.do(lambda stack, now: stack.take(received.transaction, leg, now=now))

    def _caller(self, account: Account, received: Received) -> Endpoint:
        """The phone's own binding, so that a call to one's own address does not ring or wake it."""
        known = self._registrations.at(account, received.flow)
        fresh = str(uuid.uuid4())
        host = received.flow.host
        return known or Endpoint(fresh, EndpointKind.CONTACT, account.id, host=host)

    def _happened(self, event: LegEvent) -> None:
        call, endpoint, *which = event.leg.split("/")
        media = int(which[0]) if which else None
        told = self._translate(event, call, endpoint, media)
        if told is not None:
            self._switchboard.post(call, told)
        if isinstance(event, sip.Ringing) and event.sdp is not None:
            self._switchboard.post(call, EarlyAnswered(endpoint, event.sdp, media))

    def _translate(
        self, event: LegEvent, call: str, endpoint: str, media: int | None
    ) -> Event | None:
        match event:
            case sip.Ringing(code=code):
                return Rang(endpoint) if code in (180, 183) else None
            case sip.Answered(sdp=None):
                self._end(event.leg, EndReason.INCOMPATIBLE)
                return Rejected(endpoint, EndReason.INCOMPATIBLE, media)
            case sip.Answered(sdp=str(sdp)):
                return Answered(endpoint, sdp, media=media)
            case sip.Rejected(code=code):
                rang = self._switchboard.rang(call, endpoint)
                reason = from_sip(code, after_ringing=rang)
                return Rejected(endpoint, reason, media, code)
            case sip.Cancelled() | sip.Ended(cause=sip.Cause.BYE):
                return HungUp(endpoint)
            case sip.Ended():
                return Left(endpoint)
        return _while_talking(event, endpoint)


def _progress(action: ShowRinging | ShowWaking | ShowEarly) -> tuple[int, str | None]:
    """The provisional answer, and its body, that says how far a call is."""
    match action:
        case ShowEarly(answer=answer):
            return 183, answer
        case ShowWaking():
            return 182, None
    return 180, None


def _while_talking(event: LegEvent, endpoint: str) -> Event | None:
    match event:
        case sip.Offered(sdp=sdp):
            return ChangeAsked(endpoint, sdp)
        case sip.Changed(sdp=sdp):
            return Changed(endpoint, sdp)
        case sip.Agreed(sdp=sdp):
            return ChangeAgreed(endpoint, sdp)
        case sip.Refused(again=again):
            return ChangeRefused(endpoint, again)
        case sip.Pressed(digit=digit, duration_ms=duration_ms):
            return KeyPressed(endpoint, digit, duration_ms)
    return None


def _dialled(uri: Uri) -> str:
    """The Request-URI as a person would dial it."""
    return f"{uri.username}@{uri.host}" if uri.host else uri.username
