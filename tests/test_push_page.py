"""The figures of a process that only pushes, and who may look at them."""

import logging
import socket
from collections.abc import Iterator
from ipaddress import ip_network

import aiohttp
import pytest

from signaling.push_figures import PushFigures
from signaling.push_page import figures_shown
from signaling.shared.config import Config, Http, Push
from signaling.shared.push import Step
from tests.test_metrics import report


@pytest.fixture
def free() -> Iterator[int]:
    """A port of loopback that nobody has, nor is given while the test runs."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def config(port: int, http: Http | None = None) -> Config:
    return Config(http=http or Http(), push=Push(metrics_port=port))


async def look(address: str, **headers: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as http, http.get(address, headers=headers) as response:
        return response.status, await response.text()


async def test_a_prometheus_beside_it_reads_what_was_pushed(free: int) -> None:
    figures = PushFigures()
    figures.heard(report(Step.ACCEPTED, "200 OK", seconds=0.1))
    async with figures_shown(config(free), figures) as address:
        assert address == f"http://127.0.0.1:{free}/metrics"
        status, text = await look(address)
    assert status == 200
    assert 'wsphone_push_total{provider="apns",reason="none",step="accepted"} 1.0' in text
    assert "process_cpu_seconds_total" in text
    assert "wsphone_calls" not in text


async def test_others_are_refused_whatever_they_say(free: int) -> None:
    elsewhere = config(free, Http(metrics_from=(ip_network("203.0.113.0/24"),)))
    async with figures_shown(elsewhere, PushFigures()) as address:
        assert address is not None
        for headers in ({}, {"X-Forwarded-For": "203.0.113.1"}, {"Authorization": "Bearer x"}):
            status, text = await look(address, **headers)
            assert status == 403
            assert "http.metrics_from" in text
        # A name that somebody made lead here.
        status, _ = await look(address, Host="rebound.example.org")
        assert status == 403


async def test_a_port_that_another_worker_has_stops_no_push(
    free: int, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        async with (
            figures_shown(config(free), PushFigures()),
            figures_shown(config(free), PushFigures()) as second,
        ):
            assert second is None
    assert f"push.metrics_port: TCP 127.0.0.1:{free} cannot be had" in caplog.text
