"""Phones at the door: who is let in, who is ignored, and what rests on a connection."""

import re
from pathlib import Path

from signaling.sip.digest import authorization
from signaling.sip.flow import Flow
from signaling.sip.message import Response
from tests.installation import installation
from tests.sip.door import DOMAIN, ELSEWHERE, SECRET, TCP, UDP, URI, Door


def without_what_varies(response: Response) -> str:
    """A response but for nonces, tags and numbers that no two have in common."""
    return re.sub(
        r'\bt[0-9]+|nonce="[^"]*"|z9hG4bK[0-9]+|CSeq: [0-9]+', "", bytes(response).decode()
    )


class TestTheGate:
    async def test_who_shows_no_nonce_of_ours_costs_one_answer_and_no_memory(
        self, door: Door
    ) -> None:
        for _ in range(3):
            door.agent.receive(door.invite(), ELSEWHERE)
        assert door.codes() == [401] * 3
        counts = door.agent.counts()
        assert not any(counts.values()), counts

    async def test_garbled_credentials_are_told_so(self, door: Door) -> None:
        door.agent.receive(door.invite("Authorization: Digest realm"), ELSEWHERE)
        assert door.codes() == [400]

    async def test_a_scheme_that_nobody_knows_is_no_answer_to_the_challenge(
        self, door: Door
    ) -> None:
        """RFC 4475 3.3.7."""
        answer = await door.ask(ELSEWHERE, "Authorization: NoOneKnowsThisScheme opaque-data=here")
        assert answer is not None
        assert answer.code == 401

    async def test_nobody_learns_who_has_an_account(self, door: Door) -> None:
        told = []
        for name in ("alice", "nobody"):
            challenged = await door.ask(ELSEWHERE, name=name)
            assert challenged is not None
            challenge = challenged.headers.first("www-authenticate") or ""
            value = authorization(challenge, name, "wrong", "REGISTER", URI, cnonce="c")
            refused = await door.ask(ELSEWHERE, f"Authorization: {value}", name=name)
            assert refused is not None
            told.append([without_what_varies(challenged), without_what_varies(refused)])
        assert [each.partition("\r\n")[0] for each in told[0]] == [
            "SIP/2.0 401 Unauthorized",
            "SIP/2.0 403 Forbidden",
        ]
        assert told[0] == [each.replace("nobody", "alice") for each in told[1]]

    async def test_a_nonce_given_to_another_host_is_stale(self, door: Door) -> None:
        signed = door.signed(door.challenged(UDP), SECRET)
        door.sent.clear()
        door.agent.receive(door.invite(signed), ELSEWHERE)
        (answer,) = door.responses()
        assert answer.code == 401
        assert "stale=true" in (answer.headers.first("www-authenticate") or "")


class TestBans:
    async def test_who_keeps_failing_is_not_answered_any_more(self, door: Door) -> None:
        assert [await door.sign(ELSEWHERE, "wrong") for _ in range(3)] == [403] * 3
        assert await door.ask(ELSEWHERE) is None
        assert await door.sign(ELSEWHERE, SECRET) is None
        assert door.agent.counts()["transactions"] <= 6

    async def test_others_of_the_account_are(self, door: Door) -> None:
        for _ in range(3):
            await door.sign(ELSEWHERE, "wrong")
        assert await door.sign(UDP, SECRET) == 200

    async def test_a_source_with_a_live_registration_is_never_banned(self, door: Door) -> None:
        assert await door.sign(UDP, SECRET) == 200
        assert [await door.sign(UDP, "wrong") for _ in range(5)] == [403] * 5
        assert await door.sign(UDP, SECRET) == 200

    async def test_failures_without_our_nonce_count_for_nothing(self, door: Door) -> None:
        """An address that somebody else writes into packets cannot be banned."""
        foreign = f'Digest realm="{DOMAIN}", qop="auth", nonce="6b-t0-0", algorithm=MD5'
        value = authorization(foreign, "alice", "wrong", "REGISTER", URI, cnonce="c")
        for _ in range(5):
            answer = await door.ask(ELSEWHERE, f"Authorization: {value}")
            assert answer is not None
            assert answer.code == 401
        assert await door.sign(ELSEWHERE, SECRET) == 200

    async def test_nonces_of_another_address_count_for_nothing(self, door: Door) -> None:
        """Who asks from his own address cannot ban the one he writes into his packets."""
        for _ in range(5):
            challenged = await door.ask(TCP)
            assert challenged is not None
            challenge = challenged.headers.first("www-authenticate") or ""
            value = authorization(challenge, "alice", "wrong", "REGISTER", URI, cnonce="c")
            answer = await door.ask(ELSEWHERE, f"Authorization: {value}")
            assert answer is not None
            assert answer.code == 401
        assert await door.sign(ELSEWHERE, SECRET) == 200

    async def test_credentials_that_are_played_again_count_for_nothing(self, door: Door) -> None:
        """Whoever recorded them could have their owner banned from his own address."""
        challenged = await door.ask(ELSEWHERE)
        assert challenged is not None
        challenge = challenged.headers.first("www-authenticate") or ""
        value = authorization(challenge, "alice", SECRET, "REGISTER", URI, cnonce="c")
        codes = []
        for _ in range(6):
            answer = await door.ask(ELSEWHERE, f"Authorization: {value}", expires="0")
            codes.append(answer and answer.code)
        assert codes == [200, *[401] * 5]
        assert await door.sign(ELSEWHERE, SECRET) == 200

    async def test_challenges_alone_ban_nobody(self, door: Door) -> None:
        for _ in range(20):
            await door.ask(ELSEWHERE)
        assert await door.sign(ELSEWHERE, SECRET) == 200

    async def test_another_name_before_the_own_one_hides_nobody(self, door: Door) -> None:
        for _ in range(3):
            await door.sign(ELSEWHERE, "wrong")
        mask = 'Authorization: Digest username="mask", realm="elsewhere"'
        challenged = await door.ask(ELSEWHERE, mask)
        assert challenged is not None
        challenge = challenged.headers.first("www-authenticate") or ""
        value = authorization(challenge, "alice", SECRET, "REGISTER", URI, cnonce="c")
        answer = await door.ask(ELSEWHERE, mask, f"Authorization: {value}")
        assert answer is not None
        assert answer.code == 403


class TestConnections:
    async def test_a_binding_over_tcp_ends_with_its_connection(self, door: Door) -> None:
        assert await door.sign(TCP, SECRET) == 200
        assert (door.registrations.count(), door.trusted) == (1, [TCP])
        door.agent.lose(TCP)
        assert door.registrations.count() == 0

    async def test_one_that_moved_to_a_new_connection_stays(self, door: Door) -> None:
        moved = Flow("tcp", TCP.host, TCP.port + 1)
        assert await door.sign(TCP, SECRET) == 200
        assert await door.sign(moved, SECRET) == 200
        door.agent.lose(TCP)
        assert door.registrations.count() == 1
        door.agent.lose(moved)
        assert door.registrations.count() == 0

    async def test_after_a_restart_only_what_needs_no_connection_is_known(
        self, door: Door, tmp_path: Path
    ) -> None:
        assert await door.sign(TCP, SECRET) == 200
        async with installation(tmp_path) as records:
            again = Door(records)
            await again.registrations.load()
            assert again.registrations.count() == 0
