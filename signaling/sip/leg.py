"""One leg of a call: the INVITE usage of a back-to-back user agent, calling and called."""

from collections.abc import Sequence

from signaling.sip.acceptance import Acceptance
from signaling.sip.compose import ALLOW, SUPPORTED, Composer, cancel_of
from signaling.sip.dialog import Dialog
from signaling.sip.effects import Abandon, Effect, Repeat, Reply, Start, Tell, Transmit
from signaling.sip.events import Agreed, Changed, Offered, Pressed, Refused
from signaling.sip.flow import Flow
from signaling.sip.info import press_of
from signaling.sip.leg_table import TABLE, Do, On, State
from signaling.sip.message import Pair, Request, Response
from signaling.sip.moment import Moment, event_of
from signaling.sip.proposal import Proposal, Stage, Verdict
from signaling.sip.reinvite import Reinvite, continued, is_same_session
from signaling.sip.screen import stock_answer
from signaling.sip.syntax import BadSip
from signaling.sip.transaction import Key, Timers

MAX_FORKS = 16


class Leg:
    """A leg takes messages, commands and time, and returns what is to be done, in order."""

    def __init__(
        self, leg_id: str, composer: Composer, timers: Timers, invite: Request, flow: Flow
    ) -> None:
        self.id = leg_id
        self.invite = invite
        self.flow = flow
        self.state = State.CALLING
        self.dialog: Dialog | None = None
        self._composer = composer
        self._timers = timers
        # Call-ID and our tag, by which requests of the dialog are found.
        self.key: Key = (invite.call_id, invite.from_tag)
        # Of a called leg: the INVITE's transaction.
        self.transaction: Key = ()
        self._acceptance: Acceptance | None = None
        self._reinvite: Reinvite | None = None
        self._proposal = Proposal(timers, owns_call_id=True)
        # The last description of each side, which a re-INVITE is held against.
        self._local_sdp: str | None = invite.sdp
        # The last that we sent, whether the peer agreed or not.
        self._described: str | None = invite.sdp
        self._remote_sdp: str | None = None
        self._hang_up_reason: str | None = None
        # Of a calling leg: the ACK of every 2xx, by its tag (RFC 3261 13.2.2.4).
        self._acks: dict[str, Request] = {}

    @classmethod
    def called(
        cls,
        leg_id: str,
        composer: Composer,
        timers: Timers,
        invite: Request,
        flow: Flow,
        *,
        transaction: Key,
        tag: str,
    ) -> "Leg":
        """A leg for an INVITE that came; `tag` is ours in its dialog."""
        leg = cls(leg_id, composer, timers, invite, flow)
        leg.state = State.INCOMING
        leg.dialog = Dialog.accepted(invite, tag, flow)
        leg.key = (invite.call_id, tag)
        leg.transaction = transaction
        leg._local_sdp = leg._described = None
        leg._remote_sdp = invite.sdp
        leg._proposal = Proposal(timers, owns_call_id=False)
        return leg

    # What the user of the stack wants.

    def call(self) -> list[Effect]:
        """Send the INVITE."""
        return [Start(self.invite, self.flow, followed=True)]

    def ring(self, code: int, sdp: str | None, now: float) -> list[Effect]:
        """Answer provisionally, with 101 to 199."""
        if not 100 < code < 200:
            raise ValueError(f"{code} is no provisional answer")
        return self._on(On.RING, Moment(now, code=code, headers=self._ours(), sdp=sdp))

    def answer(self, sdp: str, now: float) -> list[Effect]:
        """Accept the call, or the change that was Offered.

        `sdp` is our answer, or our offer when the INVITE had none.
        """
        if self._reinvite is not None:
            return self._accept_offer(self._reinvite, sdp, now)
        if self.state is State.INCOMING:
            self._local_sdp = self._described = sdp
        return self._on(On.ANSWER, Moment(now, code=200, headers=self._ours(), sdp=sdp))

    def reject(self, code: int, headers: Sequence[Pair], now: float) -> list[Effect]:
        """Refuse, with 300 or more."""
        if code < 300:
            raise ValueError(f"{code} is no refusal")
        return self._on(On.REJECT, Moment(now, code=code, headers=headers))

    def hang_up(self, reason: str | None, now: float) -> list[Effect]:
        """End the leg by whatever its state takes; `reason` is a Reason header (RFC 3326)."""
        self._hang_up_reason = self._hang_up_reason or reason
        return [*self.refuse_offer(487, ()), *self._on(On.HANG_UP, Moment(now, reason=reason))]

    def refuse_offer(self, code: int, headers: Sequence[Pair]) -> list[Effect]:
        """Refuse the re-INVITE that is open, if there is one: the session stays as it is."""
        reinvite, self._reinvite = self._reinvite, None
        return [Reply(reinvite.transaction, code, headers)] if reinvite else []

    def propose(self, sdp: str, now: float) -> list[Effect]:
        """Ask the peer of an answered call for a change; Agreed, Refused or Ended follows."""
        if self.state not in (State.ANSWERED, State.UP) or self.dialog is None:
            return []
        if self._acceptance is not None or self._reinvite is not None:
            self._proposal.postpone(now)
            return []
        reinvite = self._in_dialog(self.dialog, "INVITE", self._ours(), self._describe(sdp))
        self._proposal.send(reinvite, now)
        return [Start(reinvite, self.dialog.flow, followed=True)]

    # What the peer sends.

    def on_response(self, response: Response, now: float) -> list[Effect]:
        """A response to our INVITE or BYE."""
        moment = Moment(now, message=response, code=response.code)
        if response.cseq.method == "BYE":
            return self._on(On.BYE_DONE, moment) if response.code >= 200 else []
        if self.transaction or response.cseq.number != self.invite.cseq.number:
            return self._on_verdict(self._proposal.hear(response, now), response, now)
        if response.code < 200:
            return self._on(On.PROVISIONAL, moment)
        if response.code >= 300:
            return self._on(On.FAILURE, moment)
        if self.dialog is None:
            self.dialog = Dialog.offered(self.invite, response, self.flow)
            self._remote_sdp = response.sdp
            return self._on(On.SUCCESS, moment)
        return self._on_further_success(response)

    def on_timeout(self, method: str, now: float) -> list[Effect]:
        """Nothing came back for our INVITE or BYE."""
        if method == "INVITE" and self._proposal.is_open:
            return self._on(On.LOST, Moment(now))
        return self._on(On.TIMEOUT if method == "INVITE" else On.BYE_DONE, Moment(now, code=408))

    def on_broken(self, method: str, now: float) -> list[Effect]:
        """Our INVITE or BYE can get no answer: its connection is gone (RFC 3261 8.1.3.1)."""
        if method == "INVITE" and self._proposal.is_open:
            self._proposal.close()
            return [Tell(Refused(self.id, again=False))]
        return self._on(On.FAILURE if method == "INVITE" else On.BYE_DONE, Moment(now, code=503))

    def on_cancel(self, cancel: Request, now: float) -> list[Effect]:
        """The INVITE of a called leg was cancelled."""
        return self._on(On.CANCEL, Moment(now, reason=cancel.headers.first("reason")))

    def on_ack(self, ack: Request, now: float) -> list[Effect]:
        """An ACK that belongs to no INVITE transaction."""
        waiting = self._acceptance
        if waiting is None or not self._is_peer(ack) or ack.cseq.number != waiting.cseq:
            return []
        self._acceptance = None
        effects = self._on(On.ACK, Moment(now, message=ack, sdp=ack.sdp))
        if waiting.offers and ack.sdp is not None:
            if not is_same_session(ack.sdp, self._remote_sdp or ack.sdp):
                effects.append(Tell(Changed(self.id, ack.sdp)))
            self._remote_sdp = ack.sdp
        return effects

    def on_lost(self, now: float) -> list[Effect]:
        """The connection is gone over which the caller would have heard of our answer."""
        return self._on(On.CANCEL, Moment(now))

    def on_request(
        self, transaction: Key, request: Request, flow: Flow, now: float
    ) -> list[Effect]:
        """A request within the dialog."""
        if self.dialog is None:
            return [_reply_early(transaction, request)]
        if not self._is_peer(request):
            return [Reply(transaction, 481)]
        if not self.dialog.take(request):
            return [Reply(transaction, 500)]
        if request.method == "BYE":
            self._acceptance = None
            moment = Moment(now, reason=request.headers.first("reason"))
            ended = self._on(On.BYE, moment)
            return [Reply(transaction, 200), *self.refuse_offer(487, ()), *ended]
        if request.method == "INVITE":
            return [self._on_reinvite(Reinvite(transaction, request, flow), now)]
        if request.method == "INFO" and self.state in (State.ANSWERED, State.UP):
            return self._on_info(transaction, request)
        return [_stock_reply(transaction, request)]

    # Time.

    @property
    def deadline(self) -> float | None:
        """When `handle_timer` has something to do."""
        waiting = self._acceptance.deadline if self._acceptance is not None else None
        times = (waiting, self._proposal.deadline)
        return min((time for time in times if time is not None), default=None)

    def handle_timer(self, now: float) -> list[Effect]:
        """Let the time be `now`."""
        waiting, proposed = self._acceptance, self._proposal.deadline
        if waiting is not None and waiting.give_up_at <= now:
            self._acceptance = None
            return [*self.refuse_offer(487, ()), *self._on(On.NO_ACK, Moment(now))]
        effects: list[Effect] = []
        if waiting is not None and waiting.is_due(now, self._timers):
            effects.append(Repeat(waiting.transaction))
        if proposed is not None and proposed <= now:
            effects += self._on_proposal_due()
        return effects

    # How it is done.

    def _on(self, event: On, moment: Moment) -> list[Effect]:
        self.state, actions = TABLE[self.state].get(event, (self.state, ()))
        if self.state not in (State.ANSWERED, State.UP):
            self._proposal.close()
        return [effect for do in actions for effect in self._perform(do, moment)]

    def _perform(self, do: Do, moment: Moment) -> list[Effect]:
        match do:
            case Do.ACK:
                return self._acknowledge(moment)
            case Do.BYE:
                return self._bye()
            case Do.CANCEL:
                cancel = cancel_of(self.invite, self._hang_up_reason)
                return [Start(cancel, self.flow, followed=False), Abandon(self.invite)]
            case Do.REPLY:
                return [Reply(self.transaction, moment.code, moment.headers, moment.sdp)]
            case Do.REFUSE:
                return [Reply(self.transaction, 480, _reason(moment.reason))]
            case Do.TERMINATE:
                return [Reply(self.transaction, 487)]
            case Do.AWAIT_ACK:
                self._await_ack(self.transaction, self.invite, moment.now)
                return []
        event = event_of(do, self.id, moment)
        return [Tell(event)] if event else []

    def _on_reinvite(self, reinvite: Reinvite, now: float) -> Effect:
        transaction, offer = reinvite.transaction, reinvite.request.sdp
        if self.state is State.INCOMING or self._reinvite is not None:
            return Reply(transaction, 500, [("Retry-After", "5")])
        if self.state not in (State.ANSWERED, State.UP):
            return Reply(transaction, 481)
        if self._proposal.is_open or (self._acceptance is not None and self._acceptance.offers):
            return Reply(transaction, 491)
        if offer is None or is_same_session(offer, self._remote_sdp):
            return self._accept_reinvite(reinvite, now)
        self._reinvite = reinvite
        return Tell(Offered(self.id, offer))

    def _accept_offer(self, reinvite: Reinvite, sdp: str, now: float) -> list[Effect]:
        self._reinvite = None
        self._local_sdp, self._remote_sdp = self._describe(sdp), reinvite.request.sdp
        return [self._accept_reinvite(reinvite, now)]

    def _describe(self, sdp: str) -> str:
        self._described = continued(sdp, self._described)
        return self._described

    def _accept_reinvite(self, reinvite: Reinvite, now: float) -> Effect:
        if self.dialog is not None:
            self.dialog.refresh(reinvite.request, reinvite.flow)
        self.flow = reinvite.flow
        self._await_ack(reinvite.transaction, reinvite.request, now)
        return Reply(reinvite.transaction, 200, self._ours(), self._local_sdp)

    def _on_verdict(self, verdict: Verdict, response: Response, now: float) -> list[Effect]:
        """What the peer says to our proposal."""
        match verdict:
            case Verdict.AGREED:
                return self._agree(response)
            case Verdict.REPEATED if self.dialog is not None:
                return [Transmit(self._ack_of(self.dialog, response.cseq.number), self.flow)]
            case Verdict.REFUSED:
                return [Tell(Refused(self.id, again=False))]
            case Verdict.LOST:
                return self._on(On.LOST, Moment(now))
        return []

    def _agree(self, response: Response) -> list[Effect]:
        if self.dialog is None or self._proposal.request is None:
            return []
        self.dialog.refresh(response, self.dialog.flow)
        ack = Transmit(self._ack_of(self.dialog, response.cseq.number), self.flow)
        if response.sdp is None:
            return [ack, Tell(Refused(self.id, again=False))]
        self._local_sdp, self._remote_sdp = self._proposal.request.sdp, response.sdp
        return [ack, Tell(Agreed(self.id, response.sdp))]

    def _on_proposal_due(self) -> list[Effect]:
        asked, stage = self._proposal.request, self._proposal.stage
        if stage is Stage.SENT and asked is not None and self.dialog is not None:
            self._proposal.withdraw()
            cancel = cancel_of(asked, None)
            return [Start(cancel, self.dialog.flow, followed=False), Abandon(asked)]
        self._proposal.close()
        return [Tell(Refused(self.id, again=True))]

    def _on_info(self, transaction: Key, request: Request) -> list[Effect]:
        try:
            press = press_of(request)
        except BadSip:
            return [Reply(transaction, 400)]
        if press is None:
            return [_stock_reply(transaction, request)]
        return [Reply(transaction, 200), Tell(Pressed(self.id, press.digit, press.duration_ms))]

    def _on_further_success(self, response: Response) -> list[Effect]:
        known = self._acks.get(response.to_tag)
        if known is not None:
            return [Transmit(known, self.flow)]
        if len(self._acks) >= MAX_FORKS:
            return []
        # Another branch of a fork was answered too: one call cannot have two ends (13.2.2.4).
        fork = Dialog.offered(self.invite, response, self.flow)
        ack = self._ack_of(fork, self.invite.cseq.number)
        self._acks[fork.remote_tag] = ack
        bye = self._in_dialog(fork, "BYE")
        return [Transmit(ack, self.flow), Start(bye, self.flow, followed=False)]

    def _acknowledge(self, moment: Moment) -> list[Effect]:
        if self.dialog is None:
            return []
        ack = self._ack_of(self.dialog, self.invite.cseq.number)
        self._acks[self.dialog.remote_tag] = ack
        return [Transmit(ack, self.flow)]

    def _bye(self) -> list[Effect]:
        if self.dialog is None:
            return []
        bye = self._in_dialog(self.dialog, "BYE", _reason(self._hang_up_reason))
        return [Start(bye, self.dialog.flow, followed=True)]

    def _ack_of(self, dialog: Dialog, cseq: int) -> Request:
        # A transaction of its own, so a branch of its own (RFC 3261 13.2.2.4, 17.1.1.3).
        target, headers = dialog.request("ACK", cseq=cseq)
        return self._composer.request("ACK", target, headers, dialog.flow)

    def _in_dialog(
        self, dialog: Dialog, method: str, more: Sequence[Pair] = (), sdp: str | None = None
    ) -> Request:
        target, headers = dialog.request(method)
        return self._composer.request(method, target, [*headers, *more], dialog.flow, sdp=sdp)

    def _ours(self) -> list[Pair]:
        ours = self.invite.to if self.transaction else self.invite.from_
        return [self._composer.contact(self.flow, ours.uri.user), ALLOW, SUPPORTED]

    def _await_ack(self, transaction: Key, invite: Request, now: float) -> None:
        self._acceptance = Acceptance.of(transaction, invite, self._timers, now)

    def _is_peer(self, request: Request) -> bool:
        return self.dialog is not None and request.from_tag == self.dialog.remote_tag


def _reply_early(transaction: Key, request: Request) -> Reply:
    """The answer to a phone that we still call: it may be any branch of a fork."""
    if request.method == "INVITE":
        return Reply(transaction, 491)  # Our own is still open (14.2).
    # Not 481, by which the phone would take the call for lost (RFC 5057 5.1).
    return _stock_reply(transaction, request)


def _stock_reply(transaction: Key, request: Request) -> Reply:
    answer = stock_answer(request)
    return Reply(transaction, answer.code, answer.headers)


def _reason(reason: str | None) -> list[Pair]:
    return [("Reason", reason)] if reason else []
