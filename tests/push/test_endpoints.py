"""Which endpoints a push may go to."""

from ipaddress import ip_address, ip_network

import pytest

from push.endpoints import EndpointRules, is_public
from signaling.shared.errors import Forbidden

RULES = EndpointRules()
HOUSE = EndpointRules(
    hosts=("ntfy.house.org", "*.up.example", "ntfy.lan:8443", "192.168.1.20", "[fd00::5]:8443"),
    networks=(ip_network("192.168.1.0/24"), ip_network("fd00::/64")),
)


def refusal(rules: EndpointRules, endpoint: str) -> str:
    with pytest.raises(Forbidden) as refused:
        rules.url_of(endpoint)
    return str(refused.value)


class TestHosts:
    @pytest.mark.parametrize(
        "endpoint",
        [
            "https://fcm.googleapis.com/fcm/send/a:b",
            "https://FCM.googleapis.com/fcm/send/a",
            "https://updates.push.services.mozilla.com/wpush/v2/a",
            "https://eu.push.services.mozilla.com/wpush/v2/a",
            "https://db5p.notify.windows.com/w/?token=a%2f%2b",
            "https://web.push.apple.com/a",
        ],
    )
    def test_the_push_services_of_browsers_are_reached(self, endpoint: str) -> None:
        assert str(RULES.url_of(endpoint)) == endpoint

    @pytest.mark.parametrize(
        "endpoint",
        [
            "https://example.org/",
            "https://fcm.googleapis.com.example.org/",
            "https://evilnotify.windows.com/",
            "https://notify.windows.com/",
            "https://.notify.windows.com/",
            "https://fcm.googleapis.com./",
            "https://fcm%2egoogleapis.com/",
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://127.1/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://localhost/",
            "https://8.8.8.8/",
        ],
    )
    def test_no_other_host_is(self, endpoint: str) -> None:
        assert refusal(RULES, endpoint) == "the endpoint's host is not allowed"

    def test_the_port_of_https_may_be_named(self) -> None:
        assert RULES.url_of("https://fcm.googleapis.com:443/a").port == 443

    @pytest.mark.parametrize("port", ["22", "80", "8443", "0"])
    def test_no_other_port_is(self, port: str) -> None:
        endpoint = f"https://fcm.googleapis.com:{port}/"
        assert refusal(RULES, endpoint) == "the endpoint's host is not allowed"

    @pytest.mark.parametrize(
        "endpoint",
        [
            "http://fcm.googleapis.com/",
            "ftp://fcm.googleapis.com/",
            "//fcm.googleapis.com/",
            "fcm.googleapis.com/",
            "https://user@fcm.googleapis.com/",
            "https://user:secret@fcm.googleapis.com/",
            "https://@fcm.googleapis.com/",
            "https://fcm.googleapis.com@example.org/",
        ],
    )
    def test_only_https_without_credentials(self, endpoint: str) -> None:
        assert refusal(RULES, endpoint) == "the endpoint is not plain https"

    @pytest.mark.parametrize(
        "endpoint",
        [
            "https://fcm.googleapis.com/a b",
            "https://fcm.googleapis.com/\r\nHost: example.org",
            "https://fcm.googleapis.com\\@example.org/",
            "https://fcm.googleapis.com#@example.org/",
            "https://fcm.googleapis.com/\x00",
            "https://fcm.googleapis.com:99999/",
            "https://fcm.googleapis.com:x/",
            "https://fcm.googleapis。com/",
            "https://[fcm.googleapis.com/",
            "https://fcm.googleapis.com/" + "a" * 2048,
        ],
    )
    def test_what_is_no_address_is_refused(self, endpoint: str) -> None:
        assert refusal(RULES, endpoint) == "the endpoint is no address"

    def test_not_one_character_of_the_address_changes(self) -> None:
        endpoint = "https://fcm.googleapis.com/%41%2f/../b?x=%2B+%3d&y"
        assert str(RULES.url_of(endpoint)) == endpoint


class TestOwnHosts:
    @pytest.mark.parametrize(
        "endpoint",
        [
            "https://ntfy.house.org/upabc?up=1",
            "https://a.up.example/",
            "https://ntfy.lan:8443/up",
            "https://192.168.1.20/up",
            "https://[fd00::5]:8443/up",
        ],
    )
    def test_what_the_operator_adds_is_reached(self, endpoint: str) -> None:
        assert str(HOUSE.url_of(endpoint)) == endpoint

    @pytest.mark.parametrize(
        "endpoint",
        ["https://up.example/", "https://ntfy.lan/", "https://ntfy.house.org:8443/"],
    )
    def test_only_as_it_was_added(self, endpoint: str) -> None:
        assert refusal(HOUSE, endpoint) == "the endpoint's host is not allowed"

    def test_a_private_address_needs_its_network_too(self) -> None:
        rules = EndpointRules(hosts=("192.168.1.20",))
        expected = "the endpoint's address is not allowed"
        assert refusal(rules, "https://192.168.1.20/up") == expected

    @pytest.mark.parametrize(
        "host", ["", "a b", "https://a", "a/b", "a:0x", "user@a", "*", "a:99999", "*.*.a?b"]
    )
    def test_what_is_no_host_is_refused_at_the_start(self, host: str) -> None:
        with pytest.raises(ValueError):
            EndpointRules(hosts=(host,))


class TestAddresses:
    @pytest.mark.parametrize(
        "address",
        [
            *("0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1"),
            *("127.255.255.254", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.8"),
            *("192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1", "198.19.255.255"),
            *("198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1"),
            *("255.255.255.255", "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1"),
            *("::ffff:8.8.8.8", "64:ff9b::10.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b:1::1"),
            *("100::1", "2001::1", "2001:10::1", "2001:db8::1", "2002:0a00:0001::1", "3fff::1"),
            *("5f00::1", "fc00::1", "fd12:3456::1", "fe80::1", "fec0::1", "ff02::1"),
        ],
    )
    def test_special_addresses_are_not_public(self, address: str) -> None:
        assert not is_public(ip_address(address))

    @pytest.mark.parametrize(
        "address",
        [
            *("8.8.8.8", "100.63.255.255", "100.128.0.1", "172.32.0.1", "223.255.255.254"),
            *("2607:f8b0:4004::200a", "2a00:1450::1", "64:ff9b::8.8.8.8"),
        ],
    )
    def test_the_internet_is(self, address: str) -> None:
        assert is_public(ip_address(address))

    @pytest.mark.parametrize("address", ["fe80::1%eth0", "2a00:1450::1%eth0", "name", ""])
    def test_what_is_no_whole_address_is_not_permitted(self, address: str) -> None:
        assert not RULES.permits("fcm.googleapis.com", address)

    def test_the_operators_networks_are_for_the_operators_hosts(self) -> None:
        assert HOUSE.permits("ntfy.lan", "192.168.1.7")
        assert HOUSE.permits("a.up.example", "fd00::7")
        assert not HOUSE.permits("ntfy.lan", "192.168.2.7")
        assert not HOUSE.permits("fcm.googleapis.com", "192.168.1.7")
