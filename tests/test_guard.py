import ipaddress

import pytest

from signaling.guard import Guard, peer_address, source_of

LOCAL = Guard(host="127.0.0.1", port=8080, allowed_origins=["https://phones.example.org"])
EVERYWHERE = Guard(host="0.0.0.0", port=8080, allowed_origins=[])
PROXIES = [ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("::1")]


class TestHost:
    @pytest.mark.parametrize(
        "host", ["localhost:8080", "127.0.0.1:8080", "[::1]:8080", "LocalHost:8080"]
    )
    def test_our_own_names_pass(self, host: str) -> None:
        assert LOCAL.refusal(host, None) is None

    def test_the_host_of_an_allowed_origin_passes(self) -> None:
        assert LOCAL.refusal("phones.example.org", None) is None

    @pytest.mark.parametrize(
        "host",
        ["", "localhost", "localhost:81", "rebound.example:8080", "127.0.0.1.evil.example:8080"],
    )
    def test_a_rebound_name_is_refused(self, host: str) -> None:
        assert "http.allowed_origins" in str(LOCAL.refusal(host, None))

    def test_on_port_80_the_port_may_be_missing(self) -> None:
        guard = Guard(host="phones.test", port=80, allowed_origins=[])
        assert guard.refusal("phones.test", "http://phones.test") is None
        assert guard.refusal("phones.test:80", None) is None
        assert guard.refusal("phones.test:8080", None) is not None

    @pytest.mark.parametrize("host", ["192.0.2.1:8080", "[2001:db8::1]:8080"])
    def test_bound_to_every_address_we_are_reached_by_any(self, host: str) -> None:
        assert EVERYWHERE.refusal(host, f"http://{host}") is None
        assert LOCAL.refusal(host, None) is not None

    @pytest.mark.parametrize(
        "host", ["192.0.2.1:81", "192.0.2.1", "[::1", "name.test:8080", ":8080", "[2001:db8::1]"]
    )
    def test_bound_to_every_address_a_name_is_still_refused(self, host: str) -> None:
        assert EVERYWHERE.refusal(host, None) is not None

    def test_an_address_on_port_80_may_come_without_it(self) -> None:
        guard = Guard(host="::", port=80, allowed_origins=[])
        assert guard.refusal("192.0.2.1", None) is None
        assert guard.refusal("[2001:db8::1]", None) is None


class TestSecure:
    GUARD = Guard(
        host="0.0.0.0", port=443, allowed_origins=[], scheme="https", names=["phones.test"]
    )

    @pytest.mark.parametrize("host", ["phones.test", "phones.test:443", "192.0.2.1", "localhost"])
    def test_pages_of_our_names_and_addresses_may_speak(self, host: str) -> None:
        assert self.GUARD.refusal(host, f"https://{host}") is None

    def test_a_page_that_came_by_plain_http_may_not(self) -> None:
        assert self.GUARD.refusal("phones.test", "http://phones.test") is not None

    @pytest.mark.parametrize("host", ["phones.test:80", "other.test", "192.0.2.1:80"])
    def test_other_names_and_ports_are_refused(self, host: str) -> None:
        assert self.GUARD.refusal(host, None) is not None


class TestOrigin:
    def test_our_own_page_may_speak(self) -> None:
        assert LOCAL.refusal("localhost:8080", "http://localhost:8080") is None

    def test_an_allowed_origin_may_speak(self) -> None:
        assert LOCAL.refusal("phones.example.org", "https://phones.example.org") is None

    @pytest.mark.parametrize(
        "origin",
        [
            "null",
            "",
            "http://localhost:3000",
            "https://localhost:8080",
            "http://127.0.0.1:8080",
            "http://evil.example",
            "https://phones.example.org.evil.example",
        ],
    )
    def test_another_page_may_not(self, origin: str) -> None:
        assert "origin" in str(LOCAL.refusal("localhost:8080", origin))


class TestPeerAddress:
    def test_without_a_proxy_nobody_is_believed(self) -> None:
        assert peer_address("192.0.2.9", "198.51.100.1", PROXIES) == "192.0.2.9"

    def test_the_nearest_hop_that_is_not_ours_counts(self) -> None:
        forwarded = "203.0.113.1, 198.51.100.1 , 10.0.0.2"
        assert peer_address("10.0.0.1", forwarded, PROXIES) == "198.51.100.1"

    def test_proxies_all_the_way_give_the_farthest(self) -> None:
        assert peer_address("10.0.0.1", "10.0.0.3, 10.0.0.2", PROXIES) == "10.0.0.3"

    @pytest.mark.parametrize("forwarded", ["", "unknown", "198.51.100.1,", "10.0.0.2, <script>"])
    def test_a_hop_that_is_no_address_ends_the_walk(self, forwarded: str) -> None:
        assert peer_address("10.0.0.1", forwarded, PROXIES) == "10.0.0.1"

    def test_a_peer_without_an_address_stays_without_one(self) -> None:
        assert peer_address("", "198.51.100.1", PROXIES) == ""


class TestSource:
    @pytest.mark.parametrize(
        ("address", "source"),
        [
            ("192.0.2.9", "192.0.2.9"),
            ("::ffff:192.0.2.9", "192.0.2.9"),
            ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
            ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
            ("", ""),
        ],
    )
    def test_one_customer_is_one_source(self, address: str, source: str) -> None:
        assert source_of(address) == source
