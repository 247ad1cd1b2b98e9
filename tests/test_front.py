"""The HTTP listeners, asked by clients that trust the house's authority alone."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from cryptography.hazmat.primitives import serialization

from signaling.authority import LocalAuthority
from signaling.front import Front, House
from signaling.http import set_manners
from signaling.linphone import Settings
from signaling.provisioning import add_provisioning
from signaling.shared.config import Config, Http, Tls
from signaling.shared.errors import OperatorError

HOSTS = ["127.0.0.1", "localhost", "box.local"]


async def hello(request: web.Request) -> web.StreamResponse:
    if "Upgrade" not in request.headers:
        return web.Response(text="hello")
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    await socket.send_str("hello")
    await socket.close()
    return socket


@asynccontextmanager
async def serving(front: Front) -> AsyncIterator[None]:
    app = web.Application()
    set_manners(app, front.guard)
    app.router.add_get("/hello", hello)
    provisioning = front.provisioning()
    add_provisioning(app, provisioning)
    try:
        await front.open(app, provisioning)
        yield
    finally:
        await front.close()


@pytest.fixture
def config(tmp_path: Path, unused_tcp_port_factory: Callable[[], int]) -> Config:
    return Config(
        data_dir=tmp_path,
        http=Http(port=unused_tcp_port_factory()),
        tls=Tls(port=unused_tcp_port_factory()),
    )


@pytest.fixture
def authority(tmp_path: Path) -> LocalAuthority:
    return LocalAuthority(tmp_path / "tls", now=datetime.now(UTC))


@pytest.fixture
async def client(authority: LocalAuthority) -> AsyncIterator[aiohttp.ClientSession]:
    trusting = ssl.create_default_context(cadata=authority.certificate)
    connector = aiohttp.TCPConnector(ssl=trusting, force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session:
        yield session


def with_files(config: Config, cert: Path, key: Path) -> Config:
    return Config(data_dir=config.data_dir, http=config.http, tls=Tls(cert, key, config.tls.port))


class TestInTheHouse:
    async def test_pages_and_sockets_are_served_over_tls(
        self, config: Config, authority: LocalAuthority, client: aiohttp.ClientSession
    ) -> None:
        base = f"https://localhost:{config.tls.port}"
        async with serving(Front(config, House(authority, lambda: HOSTS))):
            async with client.get(f"{base}/hello", headers={"Origin": base}) as response:
                assert await response.text() == "hello"
            async with client.ws_connect(f"{base}/hello", origin=base) as socket:
                assert await socket.receive_str() == "hello"

    async def test_its_names_are_its_own_and_others_are_not(
        self, config: Config, authority: LocalAuthority, client: aiohttp.ClientSession
    ) -> None:
        url = f"https://localhost:{config.tls.port}/hello"
        async with serving(Front(config, House(authority, lambda: HOSTS))):
            for host, status in ((f"box.local:{config.tls.port}", 200), ("evil.local", 403)):
                async with client.get(url, headers={"Host": host}) as response:
                    assert response.status == status
            # A page of the plain door is not ours to obey.
            plain = {"Origin": f"http://localhost:{config.http.port}"}
            async with client.get(url, headers=plain) as response:
                assert response.status == 403

    async def test_plain_http_tells_how_to_trust_it(
        self, config: Config, authority: LocalAuthority, client: aiohttp.ClientSession
    ) -> None:
        base = f"http://127.0.0.1:{config.http.port}"
        async with serving(Front(config, House(authority, lambda: HOSTS))):
            async with client.get(f"{base}/") as response:
                page = await response.text()
            assert authority.fingerprint in page
            assert f'href="https://127.0.0.1:{config.tls.port}/"' in page
            async with client.get(f"{base}/ca.crt") as response:
                assert response.content_type == "application/x-x509-ca-cert"
                assert await response.read() == authority.certificate

    async def test_plain_http_sends_everything_else_on(
        self, config: Config, authority: LocalAuthority, client: aiohttp.ClientSession
    ) -> None:
        base = f"http://localhost:{config.http.port}"
        async with serving(Front(config, House(authority, lambda: HOSTS))):
            async with client.get(f"{base}/hello?a=b", allow_redirects=False) as response:
                assert response.status == 308
                place = response.headers["Location"]
                assert place == f"https://localhost:{config.tls.port}/hello?a=b"
            async with client.get(f"{base}/hello", headers={"Host": "evil.test"}) as response:
                assert response.status == 403

    async def test_a_phone_is_never_sent_to_its_own_loopback(
        self, config: Config, authority: LocalAuthority, client: aiohttp.ClientSession
    ) -> None:
        hosts = ["192.168.7.9", *HOSTS]
        front = Front(config, House(authority, lambda: hosts))
        app = web.Application()
        provisioning = front.provisioning()
        settings = Settings("alice", "Alice", "secret-of-alice")

        async def offer(request: web.Request) -> web.Response:
            return web.Response(text=provisioning.offer(request, settings).url)

        app.router.add_get("/offer", offer)
        try:
            await front.open(app, provisioning)
            async with client.get(f"https://localhost:{config.tls.port}/offer") as response:
                url = await response.text()
        finally:
            await front.close()
        assert url.startswith(f"http://192.168.7.9:{config.http.port}/provision/")

    async def test_a_new_address_gets_a_new_certificate(
        self, config: Config, authority: LocalAuthority
    ) -> None:
        hosts = list(HOSTS)
        front = Front(config, House(authority, lambda: hosts))
        before = authority.files.cert.read_bytes()
        hosts.append("192.168.7.9")
        front.reload()
        assert authority.files.cert.read_bytes() != before


class TestOwnCertificate:
    async def test_it_is_read_again_and_a_broken_one_is_not_taken(
        self, config: Config, authority: LocalAuthority
    ) -> None:
        authority.refresh(HOSTS, now=datetime.now(UTC))
        files = authority.files
        front = Front(with_files(config, files.cert, files.key))
        trusting = ssl.create_default_context(cadata=authority.certificate)

        async def served() -> bytes | None:
            _, writer = await asyncio.open_connection("localhost", config.tls.port, ssl=trusting)
            tls: ssl.SSLObject = writer.get_extra_info("ssl_object")
            writer.close()
            await writer.wait_closed()
            return tls.getpeercert(binary_form=True)

        async with serving(front):
            first = await served()
            authority.refresh([*HOSTS, "new.local"], now=datetime.now(UTC))
            assert await served() == first
            front.reload()
            second = await served()
            assert second != first
            files.key.write_text("broken")
            front.reload()
            assert await served() == second

    def test_files_that_do_not_serve_are_named(
        self, config: Config, authority: LocalAuthority, tmp_path: Path
    ) -> None:
        authority.refresh(HOSTS, now=datetime.now(UTC))
        cert, nothing, locked = authority.files.cert, tmp_path / "no.pem", tmp_path / "locked.pem"
        own = serialization.load_pem_private_key(authority.files.key.read_bytes(), password=None)
        locked.write_bytes(
            own.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.BestAvailableEncryption(b"a password"),
            )
        )
        for files, said in (
            ((cert, nothing), "tls.key: .*no.pem cannot be read"),
            ((nothing, cert), "tls.cert: .*no.pem cannot be read"),
            ((cert, tmp_path / "tls" / "ca.key"), "the key that belongs to it"),
            ((cert, cert), "the key that belongs to it"),
            ((cert, locked), "without a password"),
        ):
            with pytest.raises(OperatorError, match=said):
                Front(with_files(config, *files))
