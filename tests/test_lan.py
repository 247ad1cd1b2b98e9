"""What `wsphone run --lan` makes of a configuration, and what it prints."""

import io
import socket
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from signaling.authority import LocalAuthority
from signaling.lan import announce, opened, own_addresses, own_names
from signaling.shared.config import Config, Http, Sip, Tls
from signaling.shared.errors import OperatorError

MACHINE = ["192.168.7.20", "fd00::20", "127.0.0.1"]


class TestConfiguration:
    def test_what_was_for_this_machine_alone_listens_everywhere(self) -> None:
        config = opened(Config())
        assert (config.http.host, config.sip.host) == ("0.0.0.0", "0.0.0.0")

    def test_an_address_that_was_chosen_stays(self) -> None:
        config = Config(http=Http(host="192.168.7.20"), sip=Sip(host="192.168.7.20"))
        assert opened(config) == config

    def test_a_certificate_of_ones_own_needs_no_house(self) -> None:
        with pytest.raises(OperatorError, match="leave tls.cert and tls.key out"):
            opened(Config(tls=Tls(Path("chain.pem"), Path("key.pem"))))


class TestHosts:
    @pytest.mark.parametrize(
        ("host", "reached"),
        [
            ("0.0.0.0", ["192.168.7.20", "127.0.0.1"]),
            ("::", MACHINE),
            ("192.168.7.20", ["192.168.7.20"]),
        ],
    )
    def test_the_addresses_are_those_it_listens_on(self, host: str, reached: list[str]) -> None:
        assert own_addresses(Config(http=Http(host=host)), MACHINE) == reached

    @pytest.mark.parametrize(
        ("called", "names"),
        [
            ("Box", ["box.local", "localhost"]),
            ("box.example.org", ["box.local", "localhost"]),
            ("my_box", ["localhost"]),
            ("", ["localhost"]),
        ],
    )
    def test_the_machine_is_called_what_multicast_dns_calls_it(
        self, monkeypatch: pytest.MonkeyPatch, called: str, names: list[str]
    ) -> None:
        monkeypatch.setattr(socket, "gethostname", lambda: called)
        assert own_names() == names


class TestAnnouncement:
    def test_it_shows_where_others_come_and_nothing_that_is_only_here(self, tmp_path: Path) -> None:
        authority = LocalAuthority(tmp_path, now=datetime.now(UTC))
        config = replace(Config(), http=Http(host="0.0.0.0", port=8080))
        out = io.StringIO()
        hosts = ["192.168.7.20", "198.51.100.7", "127.0.0.1", "box.local", "localhost"]
        announce(out, config, hosts, authority)
        told = out.getvalue()
        for part in (
            "https://192.168.7.20:8443/",
            "https://box.local:8443/",
            "http://192.168.7.20:8080/",
            authority.fingerprint,
        ):
            assert part in told
        for other in ("127.0.0.1", "localhost", "198.51.100.7"):
            assert other not in told
