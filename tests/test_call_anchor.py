"""A direct call moves to the server, because its media failed on the direct way."""

import pytest

from signaling.call_actions import FeedCandidates, JoinMedia, OpenMedia, Reply, ShowOffer
from signaling.call_events import Appeared, Attached, Detached, MediaReported
from signaling.call_model import Mode, State
from signaling.call_state import NEGOTIATE_SECONDS
from signaling.shared.reasons import EndReason
from tests.call_lab import candidate, phone, ringing, talking
from tests.test_call_media import PCMU, offer, take, trickle, wrong_state


class TestAnchoring:
    """A direct call moves to the server: both sides get the next media, one after the other."""

    def test_both_sides_move_and_the_first_answer_decides_the_codec(self) -> None:
        lab = talking()
        lab.engine.codec = PCMU
        lab.do(MediaReported("bob", 1, connected=False))
        assert lab.mode() is Mode.ANCHORING
        assert lab.all(ShowOffer) == [ShowOffer("alice", 2, "engine offers ('alice', 2)")]
        assert lab.told("alice", OpenMedia)[0].codecs == ()

        assert isinstance(take(lab, "alice", 2), Reply)
        assert lab.told("bob", OpenMedia) == [OpenMedia("bob", 2, codecs=(PCMU,))]
        assert lab.told("bob", ShowOffer) == [ShowOffer("bob", 2, "engine offers ('bob', 2)")]
        assert not lab.all(JoinMedia)

        assert isinstance(take(lab, "bob", 2), Reply)
        assert lab.mode() is Mode.ANCHORED
        assert lab.all(JoinMedia) == [JoinMedia("bob", 2, "alice", 2)]
        assert lab.call.codec == PCMU
        assert lab.call.deadline() is None

    def test_it_begins_once_whoever_reports(self) -> None:
        lab = talking()
        lab.do(MediaReported("alice", 1, connected=False))
        assert lab.do(MediaReported("bob", 1, connected=False)) == []

    def test_media_that_works_stays_direct(self) -> None:
        lab = talking()
        lab.do(MediaReported("alice", 1, connected=True), MediaReported("bob", 1, connected=True))
        assert lab.mode() is Mode.DIRECT

    def test_a_report_of_another_generation_is_late(self) -> None:
        lab = talking()
        assert lab.do(MediaReported("bob", 2, connected=False)) == []

    def test_offers_of_the_sides_wait_meanwhile(self) -> None:
        lab = talking()
        lab.do(MediaReported("bob", 1, connected=False))
        assert wrong_state(offer(lab, "bob", 2)).retry_after == 1.0
        take(lab, "alice", 2)
        assert wrong_state(offer(lab, "alice", 3)).retry_after == 1.0

    def test_candidates_of_the_new_media_go_to_the_engine(self) -> None:
        lab = talking()
        lab.do(MediaReported("bob", 1, connected=False), trickle("alice", 1, media=2))
        assert lab.all(FeedCandidates) == [FeedCandidates("alice", 2, (candidate(1),))]

    def test_it_waits_for_a_side_whose_socket_is_gone(self) -> None:
        lab = talking()
        lab.do(Detached("alice"), MediaReported("bob", 1, connected=False))
        assert lab.mode() is Mode.DIRECT
        lab.wait(2 * NEGOTIATE_SECONDS)
        lab.do(Attached("alice"))
        take(lab, "alice", 2)
        take(lab, "bob", 2)
        assert lab.mode() is Mode.ANCHORED

    def test_a_side_that_breaks_off_with_an_offer_has_time_once_it_is_back(self) -> None:
        lab = talking()
        lab.do(MediaReported("bob", 1, connected=False), Detached("alice"))
        lab.wait(3 * NEGOTIATE_SECONDS)
        lab.do(Attached("alice"))
        lab.wait(NEGOTIATE_SECONDS - 1)
        take(lab, "alice", 2)
        take(lab, "bob", 2)
        assert lab.mode() is Mode.ANCHORED

    def test_a_failure_during_a_move_of_the_sides_own_is_mended_when_that_fails_too(self) -> None:
        lab = talking()
        offer(lab, "alice", 2)
        lab.do(MediaReported("bob", 1, connected=False))
        assert lab.mode() is Mode.DIRECT
        lab.wait(NEGOTIATE_SECONDS)
        assert lab.mode() is Mode.ANCHORING

    def test_a_move_of_the_sides_own_mends_a_failure(self) -> None:
        lab = talking()
        offer(lab, "alice", 2)
        lab.do(MediaReported("bob", 1, connected=False))
        take(lab, "bob", 2)
        lab.do(Detached("bob"), Attached("bob"))
        assert lab.mode() is Mode.DIRECT

    @pytest.mark.parametrize("answered", [0, 1])
    def test_a_side_that_does_not_answer_ends_the_call(self, answered: int) -> None:
        lab = talking()
        lab.do(MediaReported("bob", 1, connected=False))
        if answered:
            take(lab, "alice", 2)
        lab.wait(NEGOTIATE_SECONDS)
        assert lab.end_of("alice") is EndReason.MEDIA_FAILED
        lab.check()

    def test_without_room_for_its_codecs_the_call_ends_with_limit(self) -> None:
        lab = talking()
        lab.engine.fails = lambda action: type(action).__name__ == "AcceptMedia"
        lab.engine.refusal = EndReason.LIMIT
        lab.do(MediaReported("bob", 1, connected=False))
        take(lab, "alice", 2)
        assert lab.end_of("bob") is EndReason.LIMIT

    @pytest.mark.parametrize("failing", ["OpenMedia", "AcceptMedia", "JoinMedia"])
    def test_an_engine_that_fails_ends_the_call(self, failing: str) -> None:
        lab = talking()
        lab.engine.fails = lambda action: type(action).__name__ == failing
        lab.do(MediaReported("bob", 1, connected=False))
        if lab.state is State.TALKING:
            take(lab, "alice", 2)
            take(lab, "bob", 2)
        assert lab.end_of("bob") is EndReason.MEDIA_FAILED
        lab.check()

    def test_a_call_that_a_late_phone_anchored_stays_so(self) -> None:
        lab = ringing()
        lab.do(Appeared(phone("linphone")))
        lab.answer("linphone")
        assert lab.do(MediaReported("alice", 1, connected=False)) == []
