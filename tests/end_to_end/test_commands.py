"""`wsphone` as an operator meets it: one line says what to mend; Ctrl-C ends all in order."""

import socket
from contextlib import closing
from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.end_to_end.browser import softphone
from tests.end_to_end.linphone import Line, Linphone
from tests.end_to_end.ports import Ports, take_ports
from tests.end_to_end.server import (
    ALICE,
    BOB,
    add_person,
    run_wsphone,
    running_server,
    write_configuration,
    wsphone,
)
from tests.end_to_end.sounds import Sounds

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def complaint(configuration: Path) -> str:
    """The one line in which `wsphone run` says what to mend; its exit status is 2."""
    outcome = await run_wsphone("run", "--config", str(configuration))
    assert outcome.status == 2, outcome
    lines = outcome.output.splitlines()
    assert len(lines) == 1, outcome
    assert lines[0].startswith("wsphone: ")
    return lines[0]


@pytest.mark.parametrize(
    ("kind", "port", "key"),
    [
        pytest.param(socket.SOCK_STREAM, "http", "http.port", id="http"),
        pytest.param(socket.SOCK_DGRAM, "sip", "sip.port", id="sip"),
    ],
)
async def test_a_taken_port_is_named(
    tmp_path: Path, kind: socket.SocketKind, port: str, key: str
) -> None:
    ports = take_ports()
    number = int(getattr(ports, port))
    with closing(socket.socket(socket.AF_INET, kind)) as taken:
        taken.bind(("127.0.0.1", number))
        if kind is socket.SOCK_STREAM:
            taken.listen()
        line = await complaint(write_configuration(tmp_path, ports))
    assert key in line and str(number) in line


async def test_a_data_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("a file in the way")
    line = await complaint(write_configuration(tmp_path, take_ports()))
    assert str(tmp_path / "var") in line


@pytest.mark.parametrize(
    ("text", "place"),
    [
        pytest.param("[http]\nprot = 8080\n", "http.prot", id="unknown key"),
        pytest.param("[sip]\nport = 99999\n", "sip.port", id="out of range"),
        pytest.param("[calls\n", "wsphone.toml", id="not TOML"),
    ],
)
async def test_a_mistake_in_the_configuration_is_named(
    tmp_path: Path, text: str, place: str
) -> None:
    configuration = tmp_path / "wsphone.toml"
    configuration.write_text(text)
    assert place in await complaint(configuration)


async def test_ctrl_c_hangs_up_on_both_sides_and_leaves_nothing_running(
    chromium: Browser, sounds: Sounds, tmp_path: Path
) -> None:
    async with (
        running_server(tmp_path, ()) as server,
        softphone(chromium, server.url) as alice,
    ):
        for person in (ALICE, BOB):
            await add_person(tmp_path / "wsphone.toml", person)
        ports = take_ports()
        line = Line(
            user=BOB.name,
            secret=BOB.secret,
            registrar=server.ports.sip,
            sip_port=ports.sip,
            rtp_port=ports.media_min,
        )
        bob = await Linphone.start(line, tmp_path / "bob", speech=sounds.b.looped, auto_answer=True)
        try:
            await bob.registered()
            await alice.log_in(ALICE.name, ALICE.password)
            await alice.dial("bob")
            await alice.talks()
            await bob.talks()
            await server.stop()
            assert (await alice.ended()).reason == "server_restart"
            await bob.ended()
            assert "cause=503" in bob.last_reason()
        finally:
            await bob.kill()


async def test_the_demo_prints_what_to_type_once(tmp_path: Path) -> None:
    ports = take_ports()
    configuration = write_configuration(tmp_path, ports)
    first = await start_and_stop_demo(configuration, ports)
    assert "alice" in first and "bob" in first and str(ports.sip) in first
    second = await start_and_stop_demo(configuration, ports)
    assert "alice" not in second


async def start_and_stop_demo(configuration: Path, ports: Ports) -> str:
    """Everything that `wsphone run --demo` prints from its start to Ctrl-C."""
    program = await wsphone("run", "--demo", "--config", str(configuration))
    try:
        await program.expect(rf"WSPhone is at http://localhost:{ports.http}/")
        program.interrupt()
        assert await program.wait() == 0, program.output
        return program.output
    finally:
        await program.stop()
