from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from signaling.pages import add_pages

Client = TestClient[web.Request, web.Application]


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    folder = tmp_path / "web"
    (folder / "icons").mkdir(parents=True)
    (folder / "index.html").write_text("<p>softphone")
    (folder / "app.js").write_text("export {};")
    (folder / "icons" / "logo.svg").write_text("<svg/>")
    (folder / "app.webmanifest").write_text("{}")
    (folder / "tsconfig.json").write_text("{}")
    (folder / "__init__.py").write_text("")
    (tmp_path / "secret.js").write_text("the secret")
    app = web.Application()
    add_pages(app, folder)
    async with TestClient(TestServer(app)) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "content_type", "body"),
    [
        ("/", "text/html; charset=utf-8", "<p>softphone"),
        ("/index.html", "text/html; charset=utf-8", "<p>softphone"),
        ("/app.js", "text/javascript; charset=utf-8", "export {};"),
        ("/icons/logo.svg", "image/svg+xml; charset=utf-8", "<svg/>"),
        ("/app.webmanifest", "application/manifest+json; charset=utf-8", "{}"),
    ],
)
async def test_a_file_is_served_under_its_name_with_its_type(
    client: Client, path: str, content_type: str, body: str
) -> None:
    response = await client.get(path)
    assert response.headers["Content-Type"] == content_type
    assert response.headers["Cache-Control"] == "no-cache"
    assert await response.text() == body


@pytest.mark.parametrize(
    "path",
    [
        "/tsconfig.json",
        "/__init__.py",
        "/icons",
        "/icons/",
        "/../secret.js",
        "/%2e%2e/secret.js",
        "/..%2fsecret.js",
        "/icons/../../secret.js",
        "/etc/passwd",
        "/app.js%00.html",
    ],
)
async def test_nothing_else_is_served(client: Client, path: str) -> None:
    response = await client.get(URL(path, encoded=True))
    assert response.status in (400, 404)


async def test_what_did_not_change_is_not_sent_again(client: Client) -> None:
    tag = (await client.get("/app.js")).headers["ETag"]
    same = await client.get("/app.js", headers={"If-None-Match": f'"other", {tag}'})
    assert (same.status, await same.read()) == (304, b"")
    assert same.headers["ETag"] == tag
    changed = await client.get("/app.js", headers={"If-None-Match": '"other"'})
    assert changed.status == 200


async def test_head_tells_the_length(client: Client) -> None:
    response = await client.head("/app.js")
    assert (response.status, response.headers["Content-Length"]) == (200, "10")


async def test_the_softphone_itself_is_installed() -> None:
    app = web.Application()
    add_pages(app)
    served = {resource.canonical for resource in app.router.resources()}
    assert {"/session.js", "/sw.js", "/worker/pushed.js", "/manifest.webmanifest"} <= served
