"""FCM: messages, credentials, and a token endpoint that is slow or fails."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from push.access_token import AccessToken, Grant, GrantRefused, Pauses
from push.fcm import FcmSender, encode, read_account
from push.sender import FcmPush, Outcome, Verdict
from signaling.shared.errors import ConfigError
from tests.push.fake_fcm import PROJECT, FakeFcm, error
from tests.push.fake_https import DROP, STALL, Certificates, Reply, Script

ENOUGH_SECONDS = 20.0
SOON = 0.05
NO_PAUSES = Pauses(failed_seconds=0.0, refused_seconds=0.0, trust_seconds=0.0)
CALL = FcmPush(
    project=PROJECT,
    token="a-token:of-a-phone",
    data={"call": "c1", "from_address": "bob@phones.test", "name": "Böb"},
    high_priority=True,
    ttl_seconds=45,
)


@dataclass
class Lab:
    fcm: FakeFcm
    sender: FcmSender

    async def send(self, push: FcmPush = CALL, seconds: float = ENOUGH_SECONDS) -> Outcome:
        return await self.sender.send(push, seconds=seconds)

    @property
    def tokens_used(self) -> list[str]:
        return [token for _, token in self.fcm.accepted]

    @property
    def asked(self) -> int:
        """How often a token was asked for."""
        return sum(heard.path == "/token" for heard in self.fcm.server.heard)


@asynccontextmanager
async def open_lab(
    certificates: Certificates, *, life_seconds: int = 3600, pauses: Pauses | None = None
) -> AsyncIterator[Lab]:
    fcm = FakeFcm(certificates, life_seconds)
    async with fcm.server:
        sender = FcmSender(
            [fcm.account()],
            url=fcm.server.url,
            ca_file=certificates.ca_file,
            pauses=pauses or Pauses(),
        )
        try:
            yield Lab(fcm, sender)
        finally:
            await sender.aclose()


@pytest.fixture
async def lab(certificates: Certificates) -> AsyncIterator[Lab]:
    async with open_lab(certificates) as lab:
        yield lab


class TestMessages:
    async def test_a_call_arrives_with_its_data_and_bounds(self, lab: Lab) -> None:
        assert (await lab.send()).verdict is Verdict.ACCEPTED
        [(message, _)] = lab.fcm.accepted
        assert message == {
            "token": CALL.token,
            "data": dict(CALL.data),
            "android": {"priority": "high", "ttl": "45s"},
        }

    async def test_what_does_not_hurry_is_normal(self, lab: Lab) -> None:
        await lab.send(replace(CALL, high_priority=False, ttl_seconds=0))
        assert lab.fcm.accepted[0][0]["android"] == {"priority": "normal", "ttl": "0s"}

    async def test_a_notification_is_androids(self, lab: Lab) -> None:
        shown = {"title": "Missed", "tag": "c1"}
        assert (await lab.send(replace(CALL, data={}, notification=shown))).reason == "200 OK"
        assert lab.fcm.accepted[0][0]["android"]["notification"] == shown

    @pytest.mark.parametrize(
        "broken",
        [
            replace(CALL, token=""),
            replace(CALL, ttl_seconds=-1),
            replace(CALL, notification={"no such": "field"}),
        ],
    )
    async def test_what_is_no_message_is_not_sent(self, lab: Lab, broken: FcmPush) -> None:
        assert await lab.send(broken) == Outcome(Verdict.REFUSED, "not a message")
        assert lab.fcm.server.heard == []

    def test_a_message_of_the_sdk_is_its_json(self) -> None:
        assert json.loads(encode(CALL))["message"]["token"] == CALL.token

    async def test_many_at_once_each_arrive_once(self, lab: Lab) -> None:
        calls = [replace(CALL, data={"call": str(number)}) for number in range(200)]
        outcomes = await asyncio.gather(*(lab.send(call) for call in calls))
        assert {outcome.verdict for outcome in outcomes} == {Verdict.ACCEPTED}
        arrived = [message["data"]["call"] for message, _ in lab.fcm.accepted]
        assert sorted(arrived) == sorted(call.data["call"] for call in calls)
        assert lab.asked == 1, "all share one token"


class TestVerdicts:
    @pytest.mark.parametrize(
        ("reply", "outcome"),
        [
            (error(404, "UNREGISTERED"), Outcome(Verdict.DEAD, "UNREGISTERED")),
            (error(403, "SENDER_ID_MISMATCH"), Outcome(Verdict.FAULT, "SENDER_ID_MISMATCH")),
            (error(400, "INVALID_ARGUMENT"), Outcome(Verdict.REFUSED, "INVALID_ARGUMENT")),
            (
                error(503, "UNAVAILABLE", headers={"Retry-After": "2"}),
                Outcome(Verdict.RETRY, "UNAVAILABLE", retry_after=2.0),
            ),
            (DROP, Outcome(Verdict.RETRY, "connection lost")),
        ],
    )
    async def test_what_fcm_answers_is_told(
        self, lab: Lab, reply: Script, outcome: Outcome
    ) -> None:
        await lab.sender.warm()
        lab.fcm.script.append(reply)
        before = len(lab.fcm.server.heard)
        assert await lab.send() == outcome
        assert len(lab.fcm.server.heard) == before + 1, "one attempt is on the wire once"

    async def test_a_thousand_errors_leave_it_able_to_send(self, lab: Lab) -> None:
        lab.fcm.script += [error(500, "INTERNAL")] * 1000
        for _ in range(1000):
            assert (await lab.send()).verdict is Verdict.RETRY
        assert (await lab.send()).verdict is Verdict.ACCEPTED

    async def test_a_stall_ends_as_a_retry(self, lab: Lab) -> None:
        await lab.sender.warm()
        lab.fcm.script.append(STALL)
        outcome = await lab.send(seconds=SOON)
        assert outcome == Outcome(Verdict.RETRY, "no answer in time")

    async def test_a_cancelled_send_hurts_no_other(self, lab: Lab) -> None:
        await lab.sender.warm()
        lab.fcm.script.append(STALL)
        cancelled = asyncio.create_task(lab.send())
        await lab.fcm.server.stalled.wait()
        others = [asyncio.create_task(lab.send()) for _ in range(5)]
        cancelled.cancel()
        outcomes = await asyncio.gather(*others)
        assert {outcome.verdict for outcome in outcomes} == {Verdict.ACCEPTED}

    async def test_where_nobody_listens_nothing_was_sent(
        self, certificates: Certificates, caplog: pytest.LogCaptureFixture
    ) -> None:
        async with open_lab(certificates) as lab:
            await lab.sender.warm()
            gone = FcmSender(
                [lab.fcm.account()],
                url="https://127.0.0.1:9",
                token_url=f"{lab.fcm.server.url}/token",
                ca_file=certificates.ca_file,
            )
            await gone.warm()
            outcome = await gone.send(CALL, seconds=ENOUGH_SECONDS)
            await gone.aclose()
        assert outcome == Outcome(Verdict.UNSENT, "no connection")
        assert "FCM: no connection yet: no connection" in caplog.text

    async def test_one_project_alone_is_meant_by_whatever_name(self, lab: Lab) -> None:
        outcome = await lab.send(replace(CALL, project="929724111839"))
        assert outcome.verdict is Verdict.ACCEPTED
        assert lab.fcm.server.heard[-1].path == f"/v1/projects/{PROJECT}/messages:send"


class TestToken:
    async def test_warm_has_token_and_connection_ready(self, lab: Lab) -> None:
        await lab.sender.warm()
        before = lab.fcm.server.connections
        await lab.send()
        assert lab.fcm.server.connections == before
        assert lab.asked == 1

    async def test_it_is_renewed_before_its_end(self, certificates: Certificates) -> None:
        async with open_lab(certificates, life_seconds=2) as lab:
            await lab.send()
            async with asyncio.timeout(ENOUGH_SECONDS):
                await lab.fcm.renewed.wait()
            while lab.tokens_used[-1] == "token-1":
                assert (await lab.send()).verdict is Verdict.ACCEPTED

    async def test_the_old_one_serves_while_the_new_one_is_fetched(
        self, certificates: Certificates
    ) -> None:
        async with open_lab(certificates, life_seconds=10) as lab:
            await lab.sender.warm()
            lab.fcm.token_ready.clear()
            lab.fcm.token_asked.clear()
            async with asyncio.timeout(ENOUGH_SECONDS):
                await lab.fcm.token_asked.wait()
            assert (await lab.send()).verdict is Verdict.ACCEPTED
            assert lab.tokens_used == ["token-1"]
            lab.fcm.token_ready.set()

    async def test_all_that_wait_share_one_request(self, lab: Lab) -> None:
        lab.fcm.token_ready.clear()
        sends = [asyncio.create_task(lab.send()) for _ in range(20)]
        await lab.fcm.token_asked.wait()
        sends[0].cancel()
        lab.fcm.token_ready.set()
        outcomes = await asyncio.gather(*sends[1:])
        assert {outcome.verdict for outcome in outcomes} == {Verdict.ACCEPTED}
        assert lab.asked == 1

    async def test_a_push_waits_for_it_no_longer_than_its_time(self, lab: Lab) -> None:
        lab.fcm.token_ready.clear()
        outcome = await lab.send(seconds=SOON)
        assert outcome == Outcome(Verdict.RETRY, "no access token in time")
        lab.fcm.token_ready.set()
        assert (await lab.send()).verdict is Verdict.ACCEPTED

    async def test_refused_credentials_need_the_operator(self, lab: Lab) -> None:
        lab.fcm.token_script += [Reply(401, b'{"error": "invalid_client"}')] * 9
        assert await lab.send() == Outcome(Verdict.FAULT, "credentials refused")
        assert await lab.send() == Outcome(Verdict.FAULT, "credentials refused")
        assert lab.asked == 1, "a token endpoint that refused is left in peace for a while"

    @pytest.mark.parametrize("reply", [DROP, Reply(200, b"[]"), Reply(200, b"{")])
    async def test_a_token_endpoint_that_fails_is_tried_again(
        self, certificates: Certificates, reply: Script
    ) -> None:
        async with open_lab(certificates, pauses=NO_PAUSES) as lab:
            lab.fcm.token_script.append(reply)
            assert await lab.send() == Outcome(Verdict.RETRY, "no access token")
            assert (await lab.send()).verdict is Verdict.ACCEPTED

    @pytest.mark.parametrize("seconds", [-1, 0])
    async def test_tokens_that_are_over_at_once_are_not_asked_for_without_end(
        self, certificates: Certificates, seconds: int
    ) -> None:
        async with open_lab(certificates, life_seconds=seconds) as lab:
            for _ in range(20):
                assert (await lab.send()).reason == "no access token"
            assert lab.asked < 20

    async def test_a_rejected_token_is_replaced_once_it_is_old_enough(
        self, certificates: Certificates
    ) -> None:
        async with open_lab(certificates, pauses=NO_PAUSES) as lab:
            lab.fcm.script.append(error(401))
            # The call that rings now is not to pay for it: with the new token it may be sent again.
            assert (await lab.send()).verdict is Verdict.UNSENT
            assert (await lab.send()).verdict is Verdict.ACCEPTED
            assert lab.tokens_used == ["token-2"]

    async def test_the_rejection_of_an_older_token_costs_nothing(self) -> None:
        token = AccessToken("here", lambda: Grant("token", 3600.0), NO_PAUSES)
        assert await token.get() == "token"
        assert token.suspect("an older one")
        assert token.current == "token"
        await token.aclose()

    async def test_a_failure_that_is_over_is_forgotten(self) -> None:
        refusals = [GrantRefused("no")]

        def fetch() -> Grant:
            if refusals:
                raise refusals.pop()
            return Grant("token", 0.0)

        token = AccessToken("here", fetch, NO_PAUSES)
        assert await token.get() == Outcome(Verdict.FAULT, "credentials refused")
        assert await token.get() == Outcome(Verdict.RETRY, "no access token")
        await token.aclose()

    async def test_a_new_token_that_is_rejected_stays(self, lab: Lab) -> None:
        # Else each push to a project that lacks the right to send would ask for a token.
        lab.fcm.script += [error(401)] * 3
        verdicts = {(await lab.send()).verdict for _ in range(3)}
        assert verdicts == {Verdict.FAULT}
        assert lab.asked == 1

    async def test_closing_does_not_wait_for_a_token_endpoint_that_hangs(
        self, certificates: Certificates
    ) -> None:
        async with open_lab(certificates) as lab:
            lab.fcm.token_ready.clear()
            send = asyncio.create_task(lab.send())
            await lab.fcm.token_asked.wait()
            async with asyncio.timeout(ENOUGH_SECONDS / 4):
                await lab.sender.aclose()
                assert await send == Outcome(Verdict.RETRY, "no access token")


class TestLoop:
    async def test_a_slow_token_endpoint_never_stops_the_loop(self, lab: Lab) -> None:
        # The endpoint runs on this loop, and thinks until this task lets it go: had the sender
        # stopped the loop, it would have waited in vain and given up.
        lab.fcm.token_ready.clear()
        sending = asyncio.create_task(lab.send())
        sending.add_done_callback(lambda _: lab.fcm.token_asked.set())
        await lab.fcm.token_asked.wait()
        assert not sending.done(), sending.result()
        lab.fcm.token_ready.set()
        assert (await sending).verdict is Verdict.ACCEPTED


class TestAccounts:
    def test_a_file_is_read(self, certificates: Certificates, tmp_path: Path) -> None:
        path = tmp_path / "account.json"
        path.write_text('{"type": "service_account"}')
        assert read_account(path) == {"type": "service_account"}

    @pytest.mark.parametrize("text", [None, "", "[]", "{"])
    def test_a_file_that_is_none_is_named(self, tmp_path: Path, text: str | None) -> None:
        path = tmp_path / "account.json"
        if text is not None:
            path.write_text(text)
        with pytest.raises(ConfigError, match=r"account\.json"):
            read_account(path)

    @pytest.mark.parametrize(
        "change",
        [
            {"private_key": "none"},
            {"private_key": None},
            {"project_id": ""},
            {"project_id": 7},
            {"client_email": None},
            {"token_uri": None},
        ],
    )
    async def test_an_account_that_cannot_serve_is_told_at_the_start(
        self, lab: Lab, change: dict[str, Any]
    ) -> None:
        account = {**lab.fcm.account(), **change}
        account = {key: value for key, value in account.items() if value is not None}
        with pytest.raises(ConfigError, match=r"push\.fcm\.credentials_file"):
            FcmSender([account])

    async def test_each_project_has_its_own_credentials(
        self, certificates: Certificates, lab: Lab
    ) -> None:
        accounts = [lab.fcm.account(), lab.fcm.account("second")]
        sender = FcmSender(accounts, url=lab.fcm.server.url, ca_file=certificates.ca_file)
        await sender.send(CALL, seconds=ENOUGH_SECONDS)
        await sender.send(replace(CALL, project="second"), seconds=ENOUGH_SECONDS)
        third = await sender.send(replace(CALL, project="third"), seconds=ENOUGH_SECONDS)
        await sender.aclose()
        assert third == Outcome(Verdict.FAULT, "no credentials for this project")
        sends = [heard for heard in lab.fcm.server.heard if heard.path != "/token"]
        assert [heard.path for heard in sends] == [
            f"/v1/projects/{PROJECT}/messages:send",
            "/v1/projects/second/messages:send",
        ]
        assert len({heard.headers["authorization"] for heard in sends}) == 2
