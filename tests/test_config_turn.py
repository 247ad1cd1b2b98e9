"""What is said of STUN and TURN servers and of trusted media, checked before anything starts."""

from ipaddress import ip_network
from pathlib import Path

import pytest

from signaling.shared.config import load
from tests.test_config import refusal, written

SECRET = "5f8c0a7e" * 4
HEAD = f'[turn]\nsecret = "{SECRET}"\n'


class TestTaken:
    def test_urls_are_kept_as_they_are_written(self, tmp_path: Path) -> None:
        urls = [
            "stun:turn.example.org",
            "turn:turn.example.org:3478?transport=udp",
            "turn:192.0.2.1",
            "turns:[2001:db8::1]:5349?transport=tcp",
        ]
        config = load(written(tmp_path, f"{HEAD}urls = {urls}\nseconds = 600"), environment={})
        assert config.turn.urls == tuple(urls)
        assert (config.turn.secret, config.turn.seconds) == (SECRET, 600)

    def test_a_stun_server_needs_no_secret(self, tmp_path: Path) -> None:
        config = load(written(tmp_path, '[turn]\nurls = ["stun:192.0.2.1:3478"]'), environment={})
        assert config.turn.secret is None

    def test_the_secret_may_be_in_a_file_and_is_in_no_print(self, tmp_path: Path) -> None:
        (tmp_path / "secret").write_text(SECRET + "\n")
        environment = {
            "WSPHONE_TURN__SECRET_FILE": str(tmp_path / "secret"),
            "WSPHONE_TURN__URLS": "turn:a.test, turns:a.test",
        }
        config = load(written(tmp_path, ""), environment=environment)
        assert config.turn.secret == SECRET
        assert config.turn.urls == ("turn:a.test", "turns:a.test")
        assert SECRET not in repr(config)

    def test_trusted_networks_are_of_both_families(self, tmp_path: Path) -> None:
        text = '[media]\ntrusted_networks = ["203.0.113.0/24", "2001:db8::/32"]'
        config = load(written(tmp_path, text), environment={})
        assert config.media.trusted_networks == (
            ip_network("203.0.113.0/24"),
            ip_network("2001:db8::/32"),
        )


class TestRefused:
    @pytest.mark.parametrize(
        "url",
        [
            "turn.example.org",
            "http://turn.example.org",
            "turn://turn.example.org",
            "stuns:turn.example.org",
            "turn:",
            "turn:a_b.test",
            "turn:a.test:0",
            "turn:a.test:70000",
            "turn:a.test:",
            "turn:2001:db8::1",
            "turn:me@a.test",
            "turn:a.test/x",
            "turn:a.te\tst",
            "turn:a.test?transport=tls",
            "turn:a.test?transport=udp&x=1",
            "stun:a.test?transport=udp",
        ],
    )
    def test_what_is_no_server_is_refused_with_examples(self, url: str) -> None:
        told = refusal(WSPHONE_TURN__URLS=url, WSPHONE_TURN__SECRET=SECRET)
        assert "WSPHONE_TURN__URLS" in told
        assert "turns:turn.example.org:5349" in told

    @pytest.mark.parametrize("url", ["turn:a.test", "turns:a.test"])
    def test_a_turn_server_without_a_secret_is_refused(self, tmp_path: Path, url: str) -> None:
        told = refusal(written(tmp_path, f'[turn]\nurls = ["stun:a.test", "{url}"]'))
        assert "turn.urls: a TURN server needs turn.secret" in told

    def test_a_secret_that_serves_no_server_is_refused(self, tmp_path: Path) -> None:
        told = refusal(written(tmp_path, f'{HEAD}urls = ["stun:a.test"]'))
        assert "turn.secret: serves no one" in told

    def test_a_secret_that_could_be_guessed_is_refused_and_not_shown(self, tmp_path: Path) -> None:
        told = refusal(written(tmp_path, '[turn]\nsecret = "sesame"\nurls = ["turn:a.test"]'))
        assert "at least 32 characters" in told
        assert "sesame" not in told

    @pytest.mark.parametrize("seconds", ["119", "604801", "nan"])
    def test_credentials_last_minutes_to_days(self, tmp_path: Path, seconds: str) -> None:
        text = f'{HEAD}urls = ["turn:a.test"]\nseconds = {seconds}'
        assert "from 120 to 604800" in refusal(written(tmp_path, text))
