"""/metrics: what is counted, under which bounded labels, and who may look."""

import ipaddress
import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client.parser import text_string_to_metric_families

from signaling.admin_api import admit_admin
from signaling.api import add_api
from signaling.guard import Guard
from signaling.http import set_manners
from signaling.metric_labels import push_reason
from signaling.metrics import GAUGES, Metrics
from signaling.metrics_api import add_metrics
from signaling.provisioning import Provisioning
from signaling.push_figures import PushFigures
from signaling.records import Records
from signaling.shared.config import LOOPBACK, Config
from signaling.shared.model import CallRecord, LegRecord
from signaling.shared.push import Provider, PushKind, PushReport, Step
from signaling.shared.reasons import EndedBy, EndReason
from signaling.sip.bans import FAILURES, Bans
from signaling.sip.tally import Tally
from signaling.timeline import Hop, What
from tests.exchange import account
from tests.installation import PASSWORD, installation
from tests.test_history import call_between

DASHBOARD = Path(__file__).parents[1] / "docs" / "grafana.json"
AT = 1_700_000_000.0
Client = TestClient[web.Request, web.Application]


def ended(**changed: Any) -> CallRecord:
    return replace(call_between("1", account("alice"), account("bob")), **changed)


def report(step: Step, reason: str | None = None, **more: Any) -> PushReport:
    return PushReport(
        key="push:c:d:call",
        kind=PushKind.CALL,
        account="id of bob",
        device="phone",
        target="t",
        provider=Provider.APNS,
        step=step,
        at=AT,
        attempt=1,
        registered_at=AT,
        reason=reason,
        **more,
    )


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


def figures(metrics: Metrics) -> dict[str, float]:
    """Every sample, as Prometheus would read it, by its name and the values of its labels."""
    samples = {}
    for family in text_string_to_metric_families(metrics.page().decode()):
        for sample in family.samples:
            labels = ",".join(value for _, value in sorted(sample.labels.items()))
            samples[f"{sample.name} {labels}".strip()] = sample.value
    return samples


class TestCalls:
    def test_an_end_counts_by_its_reason_and_whose_it_was(self, metrics: Metrics) -> None:
        metrics.ended(ended(), [])
        metrics.ended(ended(reason=EndReason.BUSY), [])
        metrics.ended(ended(), [])
        told = figures(metrics)
        assert told["wsphone_calls_ended_total hangup,callee"] == 2
        assert told["wsphone_calls_ended_total busy,callee"] == 1

    def test_the_set_up_is_measured_to_ringing_and_to_the_answer(self, metrics: Metrics) -> None:
        timeline = [
            Hop(AT, What.CALLED, EndedBy.CALLER, "alice"),
            Hop(AT + 0.4, What.TOLD_RINGING, EndedBy.CALLER, "alice"),
            Hop(AT + 6, What.TOLD_ANSWER, EndedBy.CALLER, "alice"),
        ]
        metrics.ended(ended(), timeline)
        metrics.ended(ended(), timeline[:2])
        told = figures(metrics)
        assert told["wsphone_call_setup_seconds_count ringing"] == 2
        assert told["wsphone_call_setup_seconds_count answer"] == 1
        assert told["wsphone_call_setup_seconds_sum answer"] == pytest.approx(6)
        assert told["wsphone_call_setup_seconds_bucket 0.25,ringing"] == 0
        assert told["wsphone_call_setup_seconds_bucket 0.5,ringing"] == 2

    def test_the_sound_of_a_call_counts_once_it_is_over(self, metrics: Metrics) -> None:
        def leg(received: object, sent: object) -> LegRecord:
            heard = {"received": received, "sent": sent, "round_trip_ms": 3.0, "dropped": 0}
            return LegRecord("l", "session", "s", "id of bob", "in", None, "opus", heard)

        one = leg(
            {"packets": 500, "lost": 5, "jitter_ms": 4.0, "mos": 4.2},
            {"packets": 490, "lost": None, "jitter_ms": None, "mos": None},
        )
        doubled = leg(
            {"packets": 100, "lost": -3, "jitter_ms": 15.0, "mos": 4.2},
            {"packets": 100, "lost": 2, "jitter_ms": 1.0, "mos": 4.2},
        )
        metrics.ended(ended(legs=(one, doubled, replace(one, figures={}))), [])
        told = figures(metrics)
        assert told["wsphone_media_packets_total received"] == 600
        assert told["wsphone_media_packets_total sent"] == 590
        assert told["wsphone_media_packets_lost_total received"] == 5
        assert told["wsphone_media_packets_lost_total sent"] == 2
        assert told["wsphone_media_jitter_seconds_sum received"] == pytest.approx(0.019)
        assert told["wsphone_media_jitter_seconds_count sent"] == 1

    def test_what_is_watched_is_looked_up_at_the_time(self, metrics: Metrics) -> None:
        calls = [7]
        metrics.watch({"wsphone_calls_active": lambda: calls[0]})
        assert figures(metrics)["wsphone_calls_active"] == 7
        calls[0] = 3
        assert figures(metrics)["wsphone_calls_active"] == 3


class TestPushes:
    def test_steps_count_by_provider_and_reason(self) -> None:
        pushes = PushFigures()
        for each in (
            report(Step.SENDING),
            report(Step.RETRYING, "503 Service Unavailable", seconds=0.2),
            report(Step.ACCEPTED, "200 OK", seconds=0.1),
            report(Step.FAILED, "TopicDisallowed", seconds=0.1, alarm=True),
        ):
            pushes.heard(each)
        told = figures(Metrics(pushes))
        assert told["wsphone_push_total apns,none,sending"] == 1
        assert told["wsphone_push_total apns,http_503,retrying"] == 1
        assert told["wsphone_push_total apns,none,accepted"] == 1
        assert told["wsphone_push_total apns,TopicDisallowed,failed"] == 1
        assert told["wsphone_push_seconds_count apns"] == 3
        assert told["wsphone_push_alarms_total apns"] == 1

    def test_what_a_caller_is_refused_counts(self, metrics: Metrics) -> None:
        metrics.push_refused()
        assert figures(metrics)["wsphone_push_refused_total"] == 1

    def test_a_wake_is_measured_from_acceptance_to_connect(self, metrics: Metrics) -> None:
        def hop(after: float, what: What) -> Hop:
            return Hop(AT + after, what, EndedBy.CALLEE, "leg", "session", "id of bob", "phone")

        metrics.ended(ended(), [hop(0.5, What.PUSH_ACCEPTED), hop(3.0, What.APPEARED)])
        assert figures(metrics)["wsphone_wake_seconds_sum"] == pytest.approx(2.5)

    @pytest.mark.parametrize(
        ("reason", "label"),
        [
            (None, "none"),
            ("BadDeviceToken", "BadDeviceToken"),
            ("UNREGISTERED", "UNREGISTERED"),
            ("404 Not Found", "http_404"),
            ("599", "http_599"),
            ("no answer in time", "timeout"),
            ("999 of them", "other"),
            ("٤٠٤ Not Found", "other"),
            ("ask +49 30 1234 at once", "other"),
            ("x" * 10_000, "other"),
        ],
    )
    def test_a_reason_is_one_of_a_closed_set(self, reason: str | None, label: str) -> None:
        assert push_reason(Step.FAILED, reason) == label


class TestSip:
    def test_messages_count_by_direction_method_and_class(self, metrics: Metrics) -> None:
        tally = Tally()
        metrics.watch_sip(tally)
        tally.request("received", "REGISTER")
        tally.response("sent", "REGISTER", 401)
        tally.response("sent", "REGISTER", 403)
        told = figures(metrics)
        assert told["wsphone_sip_requests_total received,REGISTER"] == 1
        assert told["wsphone_sip_responses_total 4xx,sent,REGISTER"] == 2

    def test_a_method_that_nobody_defined_is_no_label_of_its_own(self) -> None:
        tally = Tally()
        for method in ("FROBNICATE", "X" * 500, "register"):
            tally.request("received", method)
            tally.response("received", method, 999)
        assert tally.requests == {("received", "other"): 3}
        assert tally.responses == {("received", "other", "other"): 3}

    async def test_a_wrong_password_counts(self, metrics: Metrics, records: Records) -> None:
        app = web.Application()
        set_manners(app, Guard(host="0.0.0.0", port=80, allowed_origins=()))
        add_api(
            app,
            records,
            provisioning=Provisioning(Config()),
            registered=set,
            failed=lambda: metrics.authentication_failed("password"),
        )
        async with TestClient(TestServer(app)) as client:
            body = {"username": "nobody", "password": "a guess"}
            headers = {"Host": "localhost"}
            response = await client.post("/api/login", json=body, headers=headers)
            assert response.status == 401
        assert figures(metrics)["wsphone_authentication_failures_total password"] == 1

    def test_failures_and_bans_count(self, metrics: Metrics) -> None:
        bans = Bans(failed=lambda: metrics.authentication_failed("sip"))
        metrics.watch({"wsphone_bans": lambda: bans.count(100.0)})
        for _ in range(FAILURES):
            bans.fail("192.0.2.1", "alice", 100.0)
        bans.fail("192.0.2.2", "alice", 100.0)
        told = figures(metrics)
        assert told["wsphone_authentication_failures_total sip"] == FAILURES + 1
        assert told["wsphone_bans"] == 1


@pytest.fixture
async def records(tmp_path: Path) -> AsyncIterator[Records]:
    async with installation(tmp_path) as records:
        yield records


class TestWhoMayLook:
    async def answer(
        self, records: Records, *, forwarded: str = "", token: str = "", **networks: Any
    ) -> tuple[int, str]:
        """What a request from loopback gets, with these headers."""
        app = web.Application()
        set_manners(app, Guard(host="0.0.0.0", port=80, allowed_origins=()))

        async def page() -> bytes:
            return b"figures"

        async def admit(request: web.Request) -> None:
            await admit_admin(request, records.logins.authenticate)

        add_metrics(app, page, admit, **networks)
        async with TestClient(TestServer(app)) as client:
            headers = {"Host": "localhost"}
            if forwarded:
                headers["X-Forwarded-For"] = forwarded
            if token:
                headers["Authorization"] = f"Bearer {token}"
            response = await client.get("/metrics", headers=headers)
            return response.status, await response.text()

    async def token(self, records: Records, *, is_admin: bool) -> str:
        someone = await records.accounts.add("someone", PASSWORD, is_admin=is_admin)
        return (await records.logins.open(someone)).access

    async def test_a_prometheus_beside_us_needs_no_token(self, records: Records) -> None:
        assert await self.answer(records, allowed=LOOPBACK) == (200, "figures")

    async def test_others_need_an_administrators_token(self, records: Records) -> None:
        nobody = await self.answer(records, allowed=())
        assert nobody[0] == 401
        admin = await self.token(records, is_admin=True)
        assert await self.answer(records, allowed=(), token=admin) == (200, "figures")

    async def test_who_is_no_administrator_is_told_so(self, records: Records) -> None:
        token = await self.token(records, is_admin=False)
        status, text = await self.answer(records, allowed=(), token=token)
        assert status == 403
        assert "administrators" in text

    async def test_a_proxy_that_we_do_not_know_lends_nobody_its_address(
        self, records: Records
    ) -> None:
        for claimed in ("203.0.113.9", "127.0.0.1"):
            status, _ = await self.answer(records, forwarded=claimed, allowed=LOOPBACK)
            assert status == 401

    @pytest.mark.parametrize(
        ("forwarded", "status"),
        [("10.0.0.5", 200), ("10.0.0.6", 401), ("10.0.0.5, 10.0.0.6", 401)],
    )
    async def test_behind_our_proxy_the_address_it_tells_counts(
        self, records: Records, forwarded: str, status: int
    ) -> None:
        proxy = (ipaddress.ip_network("127.0.0.1/32"),)
        scraper = (ipaddress.ip_network("10.0.0.5/32"),)
        answer = await self.answer(
            records, forwarded=forwarded, allowed=scraper, trusted_proxies=proxy
        )
        assert answer[0] == status


class TestDashboard:
    def test_it_asks_for_nothing_that_is_not_there(self) -> None:
        metrics = Metrics(PushFigures())
        metrics.watch_sip(Tally())
        exported = set()
        for family in text_string_to_metric_families(metrics.page().decode()):
            ending = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}
            exported |= {family.name + end for end in ending.get(family.type, [""])}
        named = set(re.findall(r"\b(?:wsphone|process)_[a-z_]+", "\n".join(expressions())))
        assert named - exported == set()

    def test_every_figure_of_ours_is_drawn(self) -> None:
        drawn = "\n".join(expressions())
        assert [name for name in GAUGES if name not in drawn] == []


def expressions() -> list[str]:
    """What the panels of the dashboard ask Prometheus."""
    dashboard = json.loads(DASHBOARD.read_text())
    return [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
