"""`wsphone run --lan`, and a certificate of one's own: clients trust one authority and no other."""

import asyncio
import base64
import hashlib
import os
import signal
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from playwright.async_api import Playwright

from signaling.authority import LocalAuthority
from tests.end_to_end.browser import CHROMIUM, FLAGS, softphone
from tests.end_to_end.ports import Ports, take_ports
from tests.end_to_end.process import Program
from tests.end_to_end.server import (
    ALICE,
    add_person,
    run_wsphone,
    write_configuration,
    wsphone,
)
from tests.end_to_end.wsclient import Clients

pytestmark = pytest.mark.asyncio(loop_scope="session")


@asynccontextmanager
async def trusting(authority: bytes) -> AsyncIterator[aiohttp.ClientSession]:
    """A client that believes what this authority (DER) signed, and nothing else."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=authority)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as http:
        yield http


@asynccontextmanager
async def running(*arguments: str) -> AsyncIterator[Program]:
    program = await wsphone("run", *arguments)
    try:
        await program.expect("WSPhone is at https://localhost:")
        yield program
        program.interrupt()
        assert await program.wait() == 0, program.output
    finally:
        await program.stop()


def configured(folder: Path, ports: Ports, tls: str = "") -> Path:
    configuration = write_configuration(folder, ports)
    with configuration.open("a") as file:
        file.write(f"[tls]\nport = {ports.tls}\n{tls}")
    return configuration


def with_certificate(folder: Path, ports: Ports) -> tuple[Path, LocalAuthority]:
    """A configuration that names the files of a certificate that somebody else signed."""
    authority = LocalAuthority(folder / "issuer", now=datetime.now(UTC))
    authority.refresh(["localhost"], now=datetime.now(UTC))
    cert, key = authority.files.cert, authority.files.key
    return configured(folder, ports, f'cert = "{cert}"\nkey = "{key}"\n'), authority


async def served(authority: bytes, port: int) -> bytes | None:
    """The certificate that new connections get."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=authority)
    _, writer = await asyncio.open_connection("localhost", port, ssl=context)
    tls: ssl.SSLObject = writer.get_extra_info("ssl_object")
    writer.close()
    await writer.wait_closed()
    return tls.getpeercert(binary_form=True)


async def test_a_device_that_trusts_the_house_logs_in_and_opens_a_session(tmp_path: Path) -> None:
    ports = take_ports()
    configuration = configured(tmp_path, ports)
    await add_person(configuration, ALICE)
    async with running("--lan", "--config", str(configuration)) as program:
        await program.expect("Fingerprint")
        assert "█" in program.output
        async with (
            aiohttp.ClientSession() as stranger,
            stranger.get(f"http://127.0.0.1:{ports.http}/ca.crt") as response,
        ):
            authority = await response.read()
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await stranger.get(f"https://127.0.0.1:{ports.tls}/")
        for host in ("127.0.0.1", "localhost"):
            async with trusting(authority) as http, AsyncExitStack() as leaving:
                group = Clients(http, f"https://{host}:{ports.tls}", leaving)
                alice = await group.online(ALICE, device=host)
                assert (await alice.request("session.ping", seq=0))["server_time"]


async def test_the_page_works_in_a_browser_that_trusts_the_certificate(
    playwright: Playwright, tmp_path: Path
) -> None:
    ports = take_ports()
    configuration = configured(tmp_path, ports)
    await add_person(configuration, ALICE)
    async with running("--lan", "--config", str(configuration)):
        served = x509.load_pem_x509_certificate((tmp_path / "var/tls/server.pem").read_bytes())
        # Chromium has no switch for an authority, only for one key.
        key = base64.b64encode(hashlib.sha256(public_key(served)).digest()).decode()
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[*FLAGS, f"--ignore-certificate-errors-spki-list={key}"],
        )
        try:
            async with softphone(browser, f"https://127.0.0.1:{ports.tls}") as phone:
                await phone.log_in(ALICE.name, ALICE.password)
                assert await phone.page.evaluate("window.isSecureContext")
        finally:
            await browser.close()


def public_key(certificate: x509.Certificate) -> bytes:
    return certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


async def test_a_new_certificate_is_served_after_a_hangup_signal(tmp_path: Path) -> None:
    ports = take_ports()
    configuration, authority = with_certificate(tmp_path, ports)
    async with running("--config", str(configuration)) as program:
        before = await served(authority.certificate, ports.tls)
        authority.refresh(["localhost", "new.local"], now=datetime.now(UTC))
        since = program.mark()
        os.kill(program.pid, signal.SIGHUP)
        await program.expect("the certificate was read again", since=since)
        after = await served(authority.certificate, ports.tls)
        assert before is not None and after != before
        authority.files.key.write_text("not a key")
        os.kill(program.pid, signal.SIGHUP)
        await program.expect("the certificate stays as it was: tls.cert, tls.key")
        assert await served(authority.certificate, ports.tls) == after


async def test_a_wrong_key_file_is_named_in_one_line(tmp_path: Path) -> None:
    configuration, authority = with_certificate(tmp_path, take_ports())
    authority.files.key.write_text("not a key")
    outcome = await run_wsphone("run", "--config", str(configuration))
    assert outcome.status == 2, outcome
    (line,) = outcome.output.splitlines()
    assert line.startswith("wsphone: tls.cert, tls.key: ")
