"""Nothing is sent to an address on its owner's word alone, and no stream changes hands."""

import ipaddress
import itertools

import pytest

from media.latch import Latch

HOME = "198.51.100.7"
ELSEWHERE = "203.0.113.9"
PRIVATE = "192.168.1.20"
SIX = "2001:db8::7"

EVERY_WAY = list(itertools.product([False, True], repeat=3))


def aimed(host: str | None, signals: str | None, *trusted: str) -> Latch:
    latch = Latch(map(ipaddress.ip_network, trusted))
    latch.aim(host, 7078, signals)
    return latch


class TestBeforeThePeerIsHeard:
    @pytest.mark.parametrize("host", [HOME, SIX])
    def test_the_host_that_signals_is_sent_to_at_once(self, host: str) -> None:
        assert aimed(host, host).target == (host, 7078)

    @pytest.mark.parametrize("host", [ELSEWHERE, PRIVATE, SIX, "127.0.0.1"])
    def test_any_other_host_is_not(self, host: str) -> None:
        assert aimed(host, HOME).target is None

    def test_a_trusted_one_is(self) -> None:
        assert aimed(ELSEWHERE, HOME, "2001:db8::/32", "203.0.113.0/24").target is not None
        assert aimed(SIX, HOME, "203.0.113.0/24", "2001:db8::/32").target == (SIX, 7078)

    def test_trust_in_others_does_not_help_it(self) -> None:
        assert aimed(ELSEWHERE, HOME, "203.0.113.0/29", "2001:db8::/32").target is None

    def test_a_description_without_an_address_means_the_host_that_signals(self) -> None:
        assert aimed(None, HOME).target == (HOME, 7078)

    def test_with_nobody_who_signals_the_description_is_believed(self) -> None:
        assert aimed(ELSEWHERE, None).target == (ELSEWHERE, 7078)
        assert aimed(None, None).target is None

    def test_port_0_is_no_place(self) -> None:
        latch = Latch()
        latch.aim(HOME, 0, HOME)
        assert latch.target is None


class TestTheFirstPacket:
    @pytest.mark.parametrize("addr", [(ELSEWHERE, 7078), (ELSEWHERE, 9), (HOME, 50000)])
    def test_from_either_host_it_says_where_the_peer_is(self, addr: tuple[str, int]) -> None:
        latch = aimed(ELSEWHERE, HOME)
        assert latch.admit(addr, silent=True, spoke=False, same=False)
        assert latch.address == latch.target == addr

    def test_from_anybody_else_it_says_nothing(self) -> None:
        latch = aimed(ELSEWHERE, HOME)
        assert not latch.admit(("192.0.2.66", 7078), silent=True, spoke=False, same=True)
        assert latch.address is latch.target is None

    def test_over_ipv6_the_address_has_four_parts(self) -> None:
        latch = aimed(SIX, SIX)
        assert latch.admit((SIX, 7078, 0, 0), silent=True, spoke=False, same=False)
        assert latch.target == (SIX, 7078, 0, 0)


class TestAnotherPort:
    """Of the same host, which may be a NAT with many behind it."""

    @pytest.mark.parametrize(("silent", "spoke", "same"), EVERY_WAY)
    def test_it_is_the_peers_after_a_silence_and_with_the_streams_source(
        self, silent: bool, spoke: bool, same: bool
    ) -> None:
        latch = aimed(PRIVATE, HOME)
        latch.admit((HOME, 40000), silent=True, spoke=False, same=False)
        taken = latch.admit((HOME, 40001), silent=silent, spoke=spoke, same=same)
        assert taken == (silent and (same or not spoke))
        assert latch.target == (HOME, 40001 if taken else 40000)

    @pytest.mark.parametrize(("silent", "spoke", "same"), EVERY_WAY)
    def test_the_port_of_the_description_needs_no_source_and_precedes_a_mere_try(
        self, silent: bool, spoke: bool, same: bool
    ) -> None:
        latch = aimed(HOME, HOME)
        latch.admit((HOME, 40000), silent=True, spoke=False, same=False)
        taken = latch.admit((HOME, 7078), silent=silent, spoke=spoke, same=same)
        assert taken == (silent or not spoke)

    def test_a_new_description_begins_anew(self) -> None:
        latch = aimed(HOME, HOME)
        latch.admit((HOME, 7078), silent=True, spoke=False, same=False)
        latch.aim(ELSEWHERE, 8000, HOME)
        assert latch.address is latch.target is None
        assert latch.admit((ELSEWHERE, 8000), silent=False, spoke=True, same=False)
