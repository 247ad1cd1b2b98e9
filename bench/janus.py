"""Janus with its SIP plugin, and a page that calls through it by Janus' own protocol."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web
from playwright.async_api import Browser, Page

from bench.subject import ADDRESS
from tests.end_to_end.process import Program

WEBSOCKET_PORT = 11880
PAGE_PORT = 11881
BROWSER_PORTS = range(41000, 42000)
PHONE_PORTS = range(43000, 44000)
LIBRARIES = Path("/usr/lib/x86_64-linux-gnu/janus")

MAIN = """\
general: {{
    configs_folder = "{folder}"
    plugins_folder = "{libraries}/plugins"
    transports_folder = "{libraries}/transports"
    debug_level = 4
}}
media: {{ rtp_port_range = "{browser.start}-{browser.stop}" }}
nat: {{ ice_enforce_list = "{address}" }}
plugins: {{ disable = "{unwanted_plugins}" }}
transports: {{ disable = "{unwanted_transports}" }}
"""
WEBSOCKETS = """\
general: {{ json = "plain"; ws = true; ws_port = {port}; ws_ip = "127.0.0.1"; wss = false }}
admin: {{ admin_ws = false }}
"""
SIP = """\
general: {{
    local_ip = "127.0.0.1"; sdp_ip = "127.0.0.1"; behind_nat = false
    rtp_port_range = "{phone.start}-{phone.stop}"
}}
"""

SIGN_IN = """async port => {
  const socket = new WebSocket(`ws://127.0.0.1:${port}`, 'janus-protocol');
  await new Promise((resolve, reject) => { socket.onopen = resolve; socket.onerror = reject; });
  const place = {}, answers = new Map();
  let count = 0;
  window.say = message => new Promise(resolve => {
    const transaction = `${++count}`;
    answers.set(transaction, resolve);
    socket.send(JSON.stringify({ ...message, ...place, transaction }));
  });
  const waiting = [];
  window.hears = event => new Promise(resolve => waiting.push({ event, resolve }));
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    const event = message.plugindata?.data?.result?.event;
    for (const [index, one] of waiting.entries()) {
      if (one.event === event) { waiting.splice(index, 1); one.resolve(message); break; }
    }
    answers.get(message.transaction)?.(message);
  };
  place.session_id = (await say({ janus: 'create' })).data.id;
  // Each call has a line of its own: Janus now and then carries no sound for the next on the same.
  window.attach = async () => {
    place.handle_id = (await say({ janus: 'attach', plugin: 'janus.plugin.sip' })).data.id;
    const registered = hears('registered');
    say({ janus: 'message', body: {
      request: 'register', type: 'guest', username: 'sip:alice@127.0.0.1' } });
    await registered;
  };
  window.detach = async () => {
    await say({ janus: 'detach' });
    delete place.handle_id;
  };
  await attach();
}"""

CALL = """async uri => {
  const clicked = Date.now();
  const ended = hears('hangup');
  const accepted = hears('accepted');
  const microphone = await navigator.mediaDevices.getUserMedia(
    { audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false } });
  const pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
  pc.onicecandidate = ({ candidate }) => {
    say({ janus: 'trickle', candidate: candidate ?? { completed: true } });
  };
  pc.ontrack = ({ streams: [stream] }) => {
    const speaker = new Audio();
    speaker.srcObject = stream;
    speaker.play();
  };
  for (const track of microphone.getTracks()) pc.addTrack(track, microphone);
  await pc.setLocalDescription();
  const { type, sdp } = pc.localDescription;
  say({ janus: 'message', body: { request: 'call', uri }, jsep: { type, sdp } });
  window.call = { pc, microphone, ended };
  await pc.setRemoteDescription((await accepted).jsep);
  return clicked;
}"""

HANG_UP = """async () => {
  say({ janus: 'message', body: { request: 'hangup' } });
  await call.ended;
  call.pc.close();
  for (const track of call.microphone.getTracks()) track.stop();
  await detach();
  await attach();
}"""


@asynccontextmanager
async def janus(folder: Path) -> AsyncIterator[Program]:
    """A Janus that listens on loopback, for the length of the block."""
    _configure(folder)
    program = await Program.start("janus", "-F", str(folder), "-o")
    try:
        await program.expect("WebSockets thread started")
        yield program
    finally:
        await program.stop()


@asynccontextmanager
async def janus_page(browser: Browser) -> AsyncIterator[Page]:
    """A page that is signed in to Janus; a real one, or Chromium lets it speak to no host here."""

    async def blank(request: web.Request) -> web.Response:
        return web.Response(text="<!doctype html>", content_type="text/html")

    app = web.Application()
    app.router.add_get("/", blank)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", PAGE_PORT).start()
    page = await browser.new_page()
    try:
        await page.goto(f"http://127.0.0.1:{PAGE_PORT}/")
        await page.evaluate(SIGN_IN, WEBSOCKET_PORT)
        yield page
    finally:
        await page.close()
        await runner.cleanup()


def _configure(folder: Path) -> None:
    folder.mkdir()
    values = {
        "folder": folder,
        "libraries": LIBRARIES,
        # Janus' ICE leaves loopback out.
        "address": ADDRESS,
        "browser": BROWSER_PORTS,
        "phone": PHONE_PORTS,
        "port": WEBSOCKET_PORT,
        "unwanted_plugins": _all_but("plugins", "libjanus_sip.so"),
        "unwanted_transports": _all_but("transports", "libjanus_websockets.so"),
    }
    for name, text in (
        ("janus.jcfg", MAIN),
        ("janus.transport.websockets.jcfg", WEBSOCKETS),
        ("janus.plugin.sip.jcfg", SIP),
    ):
        (folder / name).write_text(text.format(**values))


def _all_but(kind: str, wanted: str) -> str:
    found = (LIBRARIES / kind).glob("*.so")
    return ",".join(sorted(path.name for path in found if path.name != wanted))
