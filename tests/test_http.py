"""What every answer over HTTP has in common: bodies, origins, headers and errors."""

from collections.abc import AsyncIterator

import pytest

from signaling.http import MAX_BODY
from tests.api_client import Client, error_of
from tests.installation import PASSWORD


class TestBodies:
    async def test_only_json_is_read(self, client: Client) -> None:
        response = await client.post("/api/login", data={"username": "alice", "password": PASSWORD})
        assert (await error_of(response, 415))["code"] == "unsupported_media_type"

    @pytest.mark.parametrize(
        "body", [b"", b"{", b'{"username": "\xff"}', b'{"username": "\\ud800"}', b"nil"]
    )
    async def test_what_is_not_json_is_a_bad_request(self, client: Client, body: bytes) -> None:
        headers = {"Content-Type": "application/json"}
        await error_of(await client.post("/api/login", data=body, headers=headers), 400)

    @pytest.mark.parametrize(
        "body", [[], {}, {"username": "a"}, {"username": 1, "password": "x"}, {"username": None}]
    )
    async def test_what_does_not_fit_is_told_with_its_place(
        self, client: Client, body: object
    ) -> None:
        error = await error_of(await client.post("/api/login", json=body), 422)
        assert error["message"].startswith(("Expected", "Object missing"))

    @pytest.mark.parametrize("chunked", [False, True])
    async def test_a_body_too_large_is_refused_unread(self, client: Client, chunked: bool) -> None:
        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(MAX_BODY // 1024 + 1):
                yield b" " * 1024

        data = chunks() if chunked else b" " * (MAX_BODY + 1)
        headers = {"Content-Type": "application/json"}
        response = await client.post("/api/login", data=data, headers=headers)
        assert (await error_of(response, 413))["code"] == "request_entity_too_large"


class TestManners:
    async def test_another_page_may_not_speak_here_not_even_by_websocket(
        self, client: Client
    ) -> None:
        headers = {"Origin": "https://evil.test"}
        for path in ("/", "/healthz", "/ws", "/api/account"):
            error = await error_of(await client.get(path, headers=headers), 403)
            assert "http.allowed_origins" in error["message"]

    async def test_a_rebound_name_is_refused(self, client: Client) -> None:
        await error_of(await client.get("/healthz", headers={"Host": "evil.test"}), 403)

    async def test_our_pages_may_speak(self, client: Client) -> None:
        for origin in ("https://ours.test", f"http://127.0.0.1:{client.port}"):
            async with client.ws_connect("/ws", headers={"Origin": origin}):
                pass

    async def test_every_answer_carries_the_headers(self, client: Client) -> None:
        for path in ("/", "/healthz", "/nowhere", "/broken"):
            headers = (await client.get(path)).headers
            assert headers["Content-Security-Policy"].startswith("default-src 'self'; connect-src")
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["Referrer-Policy"] == "no-referrer"
            assert headers["Server"] == "WSPhone"
            assert "microphone=(self)" in headers["Permissions-Policy"]

    async def test_what_there_is_not_is_told_in_json(self, client: Client) -> None:
        assert (await error_of(await client.get("/nowhere"), 404))["code"] == "not_found"

    async def test_a_method_there_is_not_names_those_there_are(self, client: Client) -> None:
        response = await client.get("/api/login")
        await error_of(response, 405)
        assert response.headers["Allow"] == "POST"

    async def test_our_own_fault_tells_nothing_and_is_logged(
        self, client: Client, caplog: pytest.LogCaptureFixture
    ) -> None:
        error = await error_of(await client.get("/broken"), 500)
        assert "secret" not in error["message"]
        assert "GET" in caplog.text
        assert "ZeroDivisionError" in caplog.text
