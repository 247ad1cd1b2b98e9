"""A client of the HTTP API, in front of a real store that knows alice."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer

from signaling.api import add_api
from signaling.guard import Guard
from signaling.health import add_health
from signaling.http import set_manners
from signaling.pages import add_pages
from signaling.provisioning import Provisioning, add_provisioning
from signaling.records import Records
from signaling.shared.config import Config
from tests.installation import PASSWORD, Clock

Client = TestClient[web.Request, web.Application]


@asynccontextmanager
async def api_client(
    records: Records, clock: Clock, ready: dict[str, bool], registered: set[str], port: int
) -> AsyncIterator[Client]:
    """Everything that is served over HTTP, a socket, and a path that breaks.

    `registered` holds the ids of the phones that are.
    """
    app = web.Application()
    set_manners(app, Guard(host="127.0.0.1", port=port, allowed_origins=["https://ours.test"]))
    provisioning = Provisioning(Config(domain="phones.test"), clock=clock)
    add_api(app, records, provisioning=provisioning, registered=lambda: registered, clock=clock)
    add_provisioning(app, provisioning)
    add_pages(app)
    add_health(app, is_ready=lambda: ready["ready"], counts=lambda: {"calls": 3})
    app.router.add_get("/ws", _socket)
    app.router.add_get("/broken", _broken)
    async with TestClient(TestServer(app, port=port)) as client:
        yield client


async def _socket(request: web.Request) -> web.WebSocketResponse:
    response = web.WebSocketResponse()
    await response.prepare(request)
    await response.close()
    return response


async def _broken(_request: web.Request) -> web.Response:
    raise ZeroDivisionError("with a secret in it")


async def login(client: Client, password: str = PASSWORD, **more: Any) -> dict[str, Any]:
    body = {"username": "alice", "password": password, **more}
    response = await client.post("/api/login", json=body)
    assert response.status == 200, await response.text()
    answer: dict[str, Any] = await response.json()
    return answer


def bearer(answer: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {answer['token']}"}


async def error_of(response: ClientResponse, status: int) -> dict[str, str]:
    assert response.status == status, await response.text()
    assert response.content_type == "application/json"
    error: dict[str, str] = (await response.json())["error"]
    assert set(error) == {"code", "message"}
    return error
