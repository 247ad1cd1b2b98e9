"""Our checks go to what can be another host's address, and to no service of our own."""

import pytest

from media.candidates import worth_trying
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
