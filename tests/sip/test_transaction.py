"""The four transactions: every pair of the tables, and every timer (RFC 3261 17, RFC 6026)."""

from itertools import product

import pytest

from signaling.sip.flow import Flow
from signaling.sip.message import Request, parse
from signaling.sip.syntax import BadSip
from signaling.sip.transaction import (
    TABLE,
    Do,
    Kind,
    On,
    State,
    Timers,
    Transaction,
    server_key,
)
from tests.sip import data

UDP = Flow("udp", "192.0.2.10", 5101)
TCP = Flow("tcp", "192.0.2.10", 5101)
CLIENTS = (Kind.INVITE_CLIENT, Kind.CLIENT)


def request(raw: bytes = data.INVITE) -> Request:
    message = parse(raw)
    assert isinstance(message, Request)
    return message


def transaction(kind: Kind, *events: On, flow: Flow = UDP) -> Transaction:
    """A transaction to which the events happened at time 0."""
    machine = Transaction(kind, ("key",), request(), flow, Timers(), 0.0)
    for event in events:
        machine.feed(event, 0.0)
    return machine


def timeline(machine: Transaction, until: float = 100.0) -> list[tuple[float, tuple[Do, ...]]]:
    """When its timers ran out and what they asked for, up to the end."""
    log = []
    while (at := machine.deadline) is not None and at <= until:
        log.append((at, machine.handle_timer(at)))
    return log


class TestTables:
    @pytest.mark.parametrize(("kind", "event"), list(product(Kind, On)))
    def test_every_state_takes_every_event(self, kind: Kind, event: On) -> None:
        for state in State:
            machine = transaction(kind)
            machine.state = state
            row = TABLE[kind].get(state, {})
            actions = machine.feed(event, 1.0)
            assert (machine.state, actions) == row.get(event, (state, ()))
            assert machine.accepts(event) == (event in TABLE[kind].get(machine.state, {}))

    @pytest.mark.parametrize("kind", Kind)
    def test_every_state_can_be_reached_and_left(self, kind: Kind) -> None:
        reached = {transaction(kind).state}
        for _ in State:
            rows = [TABLE[kind].get(state, {}) for state in reached]
            reached |= {state for row in rows for state, _ in row.values()}
        assert reached == {*TABLE[kind], State.TERMINATED}
        for row in TABLE[kind].values():
            assert any(state is not here for here in TABLE[kind] for state, _ in row.values())

    @pytest.mark.parametrize("kind", Kind)
    def test_a_state_ends_by_itself_or_by_its_user(self, kind: Kind) -> None:
        for state, row in TABLE[kind].items():
            by_user = {On.ABANDON, On.FAILURE}
            assert On.EXPIRE in row or by_user & row.keys(), state

    def test_an_ended_transaction_hears_nothing(self) -> None:
        machine = transaction(Kind.CLIENT, On.SUCCESS, On.EXPIRE)
        assert machine.state is State.TERMINATED
        assert machine.deadline is None
        assert machine.feed(On.SUCCESS, 1.0) == ()


class TestInviteClient:
    """RFC 3261 17.1.1."""

    def test_timers_a_and_b_repeat_and_give_up(self) -> None:
        log = timeline(transaction(Kind.INVITE_CLIENT))
        assert log == [(at, (Do.SEND,)) for at in (0.5, 1.5, 3.5, 7.5, 15.5, 31.5)] + [
            (32.0, (Do.FAIL,))
        ]

    def test_timer_b_does_not_end_a_ringing_call(self) -> None:
        assert transaction(Kind.INVITE_CLIENT, On.PROVISIONAL).deadline is None

    def test_a_cancelled_call_ends_without_a_final_answer(self) -> None:
        """RFC 3261 9.1."""
        machine = transaction(Kind.INVITE_CLIENT, On.PROVISIONAL, On.ABANDON)
        assert timeline(machine) == [(32.0, (Do.FAIL,))]

    def test_timer_d_acknowledges_repeated_failures(self) -> None:
        machine = transaction(Kind.INVITE_CLIENT)
        assert machine.feed(On.FAILURE, 0.0) == (Do.ACK, Do.PASS)
        assert machine.feed(On.FAILURE, 1.0) == (Do.ACK,)
        assert timeline(machine) == [(32.0, ())]

    def test_timer_m_passes_on_every_success(self) -> None:
        """RFC 6026 7.2."""
        machine = transaction(Kind.INVITE_CLIENT, On.PROVISIONAL)
        assert machine.feed(On.SUCCESS, 0.0) == (Do.PASS,)
        assert machine.feed(On.SUCCESS, 31.0) == (Do.PASS,)
        assert timeline(machine) == [(32.0, ())]
        assert machine.feed(On.SUCCESS, 33.0) == ()


class TestClient:
    """RFC 3261 17.1.2."""

    def test_timers_e_and_f_repeat_up_to_t2_and_give_up(self) -> None:
        log = timeline(transaction(Kind.CLIENT))
        times = [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
        assert log == [(at, (Do.SEND,)) for at in times] + [(32.0, (Do.FAIL,))]

    def test_a_provisional_answer_slows_it_down_but_timer_f_goes_on(self) -> None:
        log = timeline(transaction(Kind.CLIENT, On.PROVISIONAL))
        times = [4.0, 8.0, 12.0, 16.0, 20.0, 24.0, 28.0]
        assert log == [(at, (Do.SEND,)) for at in times] + [(32.0, (Do.FAIL,))]

    def test_timer_k_absorbs_repeated_answers(self) -> None:
        machine = transaction(Kind.CLIENT, On.SUCCESS)
        assert machine.feed(On.SUCCESS, 1.0) == ()
        assert timeline(machine) == [(5.0, ())]


class TestInviteServer:
    """RFC 3261 17.2.1."""

    def test_a_repeated_invite_gets_the_last_provisional_answer(self) -> None:
        machine = transaction(Kind.INVITE_SERVER, On.PROVISIONAL)
        assert machine.feed(On.REQUEST, 1.0) == (Do.SEND,)

    def test_a_long_ring_is_renewed_every_minute(self) -> None:
        """RFC 3261 13.3.1.1."""
        log = timeline(transaction(Kind.INVITE_SERVER, On.PROVISIONAL), until=130)
        assert log == [(60.0, (Do.SEND,)), (120.0, (Do.SEND,))]

    def test_timers_g_and_h_repeat_a_failure_until_its_ack(self) -> None:
        log = timeline(transaction(Kind.INVITE_SERVER, On.FAILURE))
        times = [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
        assert log == [(at, (Do.SEND,)) for at in times] + [(32.0, ())]

    def test_timer_i_absorbs_repeated_acks(self) -> None:
        machine = transaction(Kind.INVITE_SERVER, On.FAILURE, On.ACK)
        assert machine.feed(On.ACK, 1.0) == ()
        assert machine.feed(On.REQUEST, 1.0) == ()
        assert timeline(machine) == [(5.0, ())]

    def test_timer_l_absorbs_repeated_invites_after_a_success(self) -> None:
        """RFC 6026 7.1."""
        machine = transaction(Kind.INVITE_SERVER, On.SUCCESS)
        assert machine.feed(On.REQUEST, 1.0) == ()
        assert timeline(machine) == [(32.0, ())]


class TestServer:
    """RFC 3261 17.2.2."""

    def test_a_repeated_request_waits_for_the_first_answer(self) -> None:
        assert transaction(Kind.SERVER).feed(On.REQUEST, 1.0) == ()

    def test_timer_j_repeats_the_answer_on_demand(self) -> None:
        machine = transaction(Kind.SERVER, On.SUCCESS)
        assert machine.feed(On.REQUEST, 31.0) == (Do.SEND,)
        assert timeline(machine) == [(32.0, ())]

    def test_one_that_nobody_answers_ends_when_the_client_has_given_up(self) -> None:
        assert timeline(transaction(Kind.SERVER)) == [(32.0, ())]
        assert timeline(transaction(Kind.SERVER, On.PROVISIONAL)) == [(32.0, ())]


class TestReliableTransport:
    def test_nothing_is_repeated(self) -> None:
        assert timeline(transaction(Kind.INVITE_CLIENT, flow=TCP)) == [(32.0, (Do.FAIL,))]
        assert timeline(transaction(Kind.CLIENT, flow=TCP)) == [(32.0, (Do.FAIL,))]
        assert timeline(transaction(Kind.INVITE_SERVER, On.FAILURE, flow=TCP)) == [(32.0, ())]

    @pytest.mark.parametrize(
        ("kind", "events"),
        [
            (Kind.INVITE_CLIENT, [On.FAILURE]),
            (Kind.CLIENT, [On.SUCCESS]),
            (Kind.INVITE_SERVER, [On.FAILURE, On.ACK]),
            (Kind.SERVER, [On.SUCCESS]),
        ],
    )
    def test_timers_d_i_j_and_k_are_zero(self, kind: Kind, events: list[On]) -> None:
        assert timeline(transaction(kind, *events, flow=TCP)) == [(0.0, ())]


class TestServerKey:
    """RFC 3261 17.2.3."""

    def test_an_ack_has_the_key_of_its_invite(self) -> None:
        ack = data.edited(data.INVITE, ("INVITE sip", "ACK sip"), ("20 INVITE", "20 ACK"))
        assert server_key(request(ack), "INVITE") == server_key(request(), "INVITE")

    @pytest.mark.parametrize(
        ("old", "new"),
        [("z9hG4bK.ikgpD1fRt", "z9hG4bKother"), ("192.0.2.10:5101;branch", "192.0.2.9;branch")],
    )
    def test_another_branch_or_sender_is_another_transaction(self, old: str, new: str) -> None:
        other = request(data.edited(data.INVITE, (old, new)))
        assert server_key(other, "INVITE") != server_key(request(), "INVITE")

    def test_another_method_is_another_transaction(self) -> None:
        bye = data.edited(data.INVITE, ("INVITE sip", "BYE sip"), ("20 INVITE", "20 BYE"))
        assert server_key(request(bye), "BYE") != server_key(request(), "INVITE")

    def test_without_the_magic_cookie_the_request_itself_is_the_key(self) -> None:
        old = data.edited(data.INVITE, ("z9hG4bK.ikgpD1fRt", "1"))
        newer = data.edited(old, ("20 INVITE", "21 INVITE"))
        assert server_key(request(old), "INVITE") == server_key(request(old), "INVITE")
        assert server_key(request(old), "INVITE") != server_key(request(newer), "INVITE")

    def test_a_request_without_via_has_none(self) -> None:
        with pytest.raises(BadSip):
            server_key(request(data.edited(data.INVITE, ("Via:", "X-Via:"))), "INVITE")
