"""Our checks go to what can be another host's address, and to no service of our own."""

import pytest

from media.candidates import may_be_told, worth_trying
from media.sdp import Candidate, parse_candidate


def at(address: str) -> Candidate:
    found = parse_candidate(f"candidate:1 1 udp 99 {address} 5000 typ host")
    assert found is not None
    return found


@pytest.mark.parametrize(
    "address", ["192.0.2.1", "10.0.0.7", "2001:db8::7", "fd00::7", "::ffff:192.0.2.1"]
)
@pytest.mark.parametrize("loopback", [False, True])
def test_a_hosts_address_is_tried(address: str, *, loopback: bool) -> None:
    assert worth_trying([at(address)], loopback=loopback) == [at(address)]


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
def test_this_machine_is_tried_for_a_browser_on_it_only(address: str) -> None:
    assert worth_trying([at(address)], loopback=False) == []
    assert worth_trying([at(address)], loopback=True) == [at(address)]


@pytest.mark.parametrize(
    "address", ["169.254.1.1", "fe80::1", "fe80::1%eth0", "::ffff:169.254.1.1"]
)
def test_a_links_own_address_is_not_tried(address: str) -> None:
    assert worth_trying([at(address)], loopback=True) == []


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "224.0.0.251", "ff02::fb", "x.local"])
def test_nobodys_address_is_no_candidate_at_all(address: str) -> None:
    assert parse_candidate(f"candidate:1 1 udp 99 {address} 5000 typ host") is None
    for host in {address} - {"x.local"}:
        assert worth_trying([Candidate("1", 1, host, 5000, "host")], loopback=True) == []


MDNS = "0f7c1a52-3f0b-4a1c-9d1e-2b7c5f6a8e90.local"


def line(address: str, *, transport: str = "udp", more: str = "") -> str:
    return f"candidate:842163049 1 {transport} 1677729535 {address} 46154 typ srflx{more}"


class TestTold:
    """What one browser may be told of another one, to try it itself."""

    @pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::7", MDNS, MDNS.upper()])
    @pytest.mark.parametrize("transport", ["udp", "UDP", "tcp"])
    def test_a_hosts_address_and_a_hidden_one(self, address: str, transport: str) -> None:
        more = " raddr 10.0.0.1 rport 46154 generation 0 network-cost 999"
        text = line(address.replace("LOCAL", "local"), transport=transport, more=more)
        assert may_be_told(text, loopback=False)

    @pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
    def test_its_own_machine_when_it_may_be_ours_too(self, address: str) -> None:
        assert may_be_told(line(address), loopback=True)
        assert not may_be_told(line(address), loopback=False)

    @pytest.mark.parametrize(
        "address",
        [
            *("169.254.169.254", "fe80::1", "fe80::1%eth0", "::ffff:169.254.1.1", "224.0.0.251"),
            *("0.0.0.0", "::", "ff02::fb", "255.255.255.255", "2130706433", "127.1", "0x7f.1"),
            # A name could be resolved to all of these.
            *("localhost", "x.local", "rebind.example.net", f"{MDNS}.", f"a.{MDNS}", "0.local"),
        ],
    )
    def test_no_other(self, address: str) -> None:
        assert not may_be_told(line(address), loopback=True)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "candidate:",
            "a=" + line("192.0.2.1"),
            " " + line("192.0.2.1"),
            line("192.0.2.1").replace(" ", "  ", 1),
            line("192.0.2.1").replace("candidate:", "candidate: "),
            line("192.0.2.1") + "\r\na=" + line("127.0.0.1"),
            line("192.0.2.1\r127.0.0.1"),
            line("192.0.2.1").replace("typ", "type"),
        ],
    )
    def test_nothing_that_parsers_may_read_in_two_ways(self, text: str) -> None:
        assert not may_be_told(text, loopback=True)
