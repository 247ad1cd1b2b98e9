"""Whether the server lives, takes work, and what it holds."""

from tests.api_client import Client, error_of


async def test_it_is_alive_and_tells_what_it_holds_when_asked(client: Client) -> None:
    assert await (await client.get("/healthz")).json() == {"status": "ok"}
    response = await client.get("/healthz?counts=1")
    assert await response.json() == {"status": "ok", "calls": 3}


async def test_it_tells_nobody_from_elsewhere_what_it_holds(client: Client) -> None:
    headers = {"X-Forwarded-For": "192.0.2.1"}
    response = await client.get("/healthz?counts=1", headers=headers)
    assert await response.json() == {"status": "ok"}


async def test_it_takes_work_until_it_stops(client: Client, ready: dict[str, bool]) -> None:
    assert (await client.get("/ready")).status == 200
    ready["ready"] = False
    response = await client.get("/ready")
    await error_of(response, 503)
    assert response.headers["Retry-After"] == "1"
