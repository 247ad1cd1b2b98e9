from pathlib import Path

import pytest

from signaling.demo import DemoUser, create_demo, demo_text
from signaling.linphone import proxy_of
from signaling.shared.config import Config, Http, Sip
from tests.installation import PASSWORD, installation


class TestPeople:
    async def test_a_first_start_has_alice_and_bob_with_a_phone_each(self, tmp_path: Path) -> None:
        async with installation(tmp_path, laid_out=False) as records:
            users = await create_demo(records)
            assert [user.name for user in users] == ["alice", "bob"]
            for user in users:
                assert await records.accounts.authenticate(user.name, user.password)
                assert len(await records.phones.credentials(user.name)) == 1

    async def test_a_later_start_adds_nobody(self, tmp_path: Path) -> None:
        async with installation(tmp_path, laid_out=False) as records:
            assert await create_demo(records)
        async with installation(tmp_path, laid_out=False) as records:
            assert await create_demo(records) == []

    async def test_an_installation_with_people_is_left_alone(self, tmp_path: Path) -> None:
        async with installation(tmp_path, laid_out=False) as records:
            await records.accounts.add("carol", PASSWORD)
        async with installation(tmp_path, laid_out=False) as records:
            assert await create_demo(records) == []
            assert [account.name for account in await records.accounts.all()] == ["carol"]


class TestText:
    def test_it_says_what_to_type_where(self) -> None:
        config = Config(http=Http(port=9000), sip=Sip(port=5070))
        text = demo_text([DemoUser("alice", "for-browser", "for-phone")], config)
        for part in (
            "http://localhost:9000/",
            "for-browser",
            "for-phone",
            "wsphone.local",
            "sip:127.0.0.1:5070;transport=udp",
        ):
            assert part in text
        assert max(len(line) for line in text.splitlines()) <= 80

    @pytest.mark.parametrize(
        ("sip", "proxy"),
        [
            (Sip(), "sip:127.0.0.1:5060;transport=udp"),
            (Sip(host="::1"), "sip:[::1]:5060;transport=udp"),
            (Sip(host="0.0.0.0"), "sip:ADDRESS-OF-THIS-MACHINE:5060;transport=udp"),
            (
                Sip(host="0.0.0.0", port=5070, advertised_address="sip.example.org"),
                "sip:sip.example.org:5070;transport=udp",
            ),
        ],
    )
    def test_the_proxy_is_where_the_phone_reaches_us(self, sip: Sip, proxy: str) -> None:
        assert proxy_of(Config(sip=sip)) == proxy
