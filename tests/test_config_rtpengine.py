"""What is said of rtpengine's instances, checked before anything starts."""

from pathlib import Path

import pytest

from signaling.shared.config import load
from tests.test_config import refusal, written

HEAD = '[media]\nengine = "rtpengine"\n'


class TestTaken:
    def test_instances_are_a_list_of_addresses_and_ports(self, tmp_path: Path) -> None:
        text = f"""{HEAD}
            rtpengine_urls = ["udp://127.0.0.1:2223", "udp://[2001:db8::1]:2223"]
            rtpengine_digits = "udp://127.0.0.1:2225"
        """
        media = load(written(tmp_path, text), environment={}).media
        assert media.engine == "rtpengine"
        assert media.rtpengine_urls == ("udp://127.0.0.1:2223", "udp://[2001:db8::1]:2223")
        assert media.rtpengine_digits == "udp://127.0.0.1:2225"

    def test_they_come_from_the_environment_too(self, tmp_path: Path) -> None:
        environment = {
            "WSPHONE_MEDIA__ENGINE": "rtpengine",
            "WSPHONE_MEDIA__RTPENGINE_URLS": "udp://192.0.2.1:2223, udp://192.0.2.2:2223",
        }
        media = load(written(tmp_path, ""), environment=environment).media
        assert media.rtpengine_urls == ("udp://192.0.2.1:2223", "udp://192.0.2.2:2223")


class TestRefused:
    def test_the_engine_without_an_instance(self, tmp_path: Path) -> None:
        told = refusal(written(tmp_path, HEAD))
        assert "rtpengine needs media.rtpengine_urls" in told and "media.engine" in told

    @pytest.mark.parametrize("more", ["workers = 2", '[calls]\nrecord = "always"'])
    def test_what_it_does_not_do(self, tmp_path: Path, more: str) -> None:
        text = f'{HEAD}rtpengine_urls = ["udp://127.0.0.1:2223"]\n{more}'
        told = refusal(written(tmp_path, text))
        assert "rtpengine" in told and more.split("\n")[-1].split()[0] in told

    def test_another_engine(self, tmp_path: Path) -> None:
        assert '"aiortc" or "rtpengine"' in refusal(written(tmp_path, '[media]\nengine = "janus"'))

    @pytest.mark.parametrize(
        "url",
        [
            "127.0.0.1:2223",
            "tcp://127.0.0.1:2223",
            "udp://127.0.0.1",
            "udp://127.0.0.1:0",
            "udp://127.0.0.1:70000",
            "udp://rtpengine.example.org:2223",
            "udp://127.0.0.1:2223/path",
            "udp://me@127.0.0.1:2223",
            "udp://:2223",
        ],
    )
    def test_what_is_no_address_with_a_port(self, tmp_path: Path, url: str) -> None:
        told = refusal(written(tmp_path, f'{HEAD}rtpengine_urls = ["{url}"]'))
        assert "media.rtpengine_urls" in told and "udp://127.0.0.1:2223" in told
        told = refusal(written(tmp_path, f'[media]\nrtpengine_digits = "{url}"'))
        assert "media.rtpengine_digits" in told
