"""Being reached in one house: the addresses, the names, and what a new phone is told first."""

import html
import socket
from collections.abc import Sequence
from dataclasses import replace
from typing import TextIO

import segno
from aiohttp import web

from signaling.authority import LocalAuthority, can_vouch_for
from signaling.http import host_of
from signaling.shared.config import Config, is_loopback
from signaling.shared.errors import OperatorError

_EVERYWHERE = "0.0.0.0"
_ANY = (_EVERYWHERE, "::")
_TRUST = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>WSPhone: before the first call</title>
<h1>Before the first call from this device</h1>
<p>Browsers give the microphone to secure pages only. This WSPhone made a certificate authority of
its own for this house; tell this device once that you trust it:</p>
<ol>
<li><a href="/ca.crt">Download the certificate</a> and open it.
<ul>
<li>iPhone, iPad: Settings, <i>Profile Downloaded</i>, Install. Then Settings, General, About,
Certificate Trust Settings: switch <i>WSPhone of this house</i> on.</li>
<li>Android: Settings, Security, Encryption and credentials, Install a certificate,
CA certificate. Firefox also: its settings, <i>Use third party CA certificates</i>.</li>
<li>Windows: double click, Install Certificate, <i>Trusted Root Certification
Authorities</i>. macOS: Keychain Access, System, then <i>Always Trust</i>.</li>
<li>Chromium and Firefox on Linux: the browser's settings, Certificates, Authorities, Import.</li>
</ul></li>
<li>Compare the fingerprint (SHA-256) with what <code>wsphone run --lan</code> printed:<br>
<code>{fingerprint}</code></li>
<li><a href="{url}">Open WSPhone</a>.</li>
</ol>
<p>The authority can vouch for addresses and names of a house alone, never for other sites.</p>
</html>
"""


def page_address(config: Config, *, lan: bool) -> str:
    """Where the page is, seen from this machine."""
    host = config.http.host
    shown = "localhost" if is_loopback(host) or host in _ANY else host
    if lan or config.tls.cert is not None:
        return f"https://{shown}:{config.tls.port}/"
    return f"http://{shown}:{config.http.port}/"


def opened(config: Config) -> Config:
    """The configuration of a server that the house reaches; raises OperatorError."""
    if config.tls.cert is not None:
        raise OperatorError(
            "--lan makes a certificate of its own: leave it out, or leave tls.cert and tls.key out"
        )
    http, sip = config.http, config.sip
    return replace(
        config,
        http=replace(http, host=_EVERYWHERE) if is_loopback(http.host) else http,
        sip=replace(sip, host=_EVERYWHERE) if is_loopback(sip.host) else sip,
    )


def own_addresses(config: Config, everywhere: Sequence[str]) -> list[str]:
    """Those of the machine's addresses that the server listens on."""
    host = config.http.host
    if host == _EVERYWHERE:
        return [address for address in everywhere if ":" not in address]
    return [*everywhere] if host == "::" else [host]


def own_names() -> list[str]:
    """The names of this machine in its house: what multicast DNS calls it (RFC 6762)."""
    name = socket.gethostname().partition(".")[0].lower()
    is_plain = name.isascii() and name.replace("-", "").isalnum() and len(name) <= 63
    return [f"{name}.local", "localhost"] if is_plain else ["localhost"]


def add_trust(app: web.Application, authority: LocalAuthority, tls_port: int) -> None:
    """Serve the authority's certificate, and the words that go with it, over plain HTTP."""

    async def trust(request: web.Request) -> web.Response:
        page = _TRUST.format(
            fingerprint=html.escape(authority.fingerprint),
            url=html.escape(f"https://{host_of(request.host)}:{tls_port}/"),
        )
        return web.Response(text=page, content_type="text/html", charset="utf-8")

    async def certificate(_request: web.Request) -> web.Response:
        return web.Response(
            body=authority.certificate,
            content_type="application/x-x509-ca-cert",
            headers={"Content-Disposition": 'attachment; filename="wsphone-ca.crt"'},
        )

    app.router.add_get("/", trust)
    app.router.add_get("/ca.crt", certificate)


def announce(out: TextIO, config: Config, hosts: Sequence[str], authority: LocalAuthority) -> None:
    """Print where to go, and a QR code for whoever holds a phone."""
    elsewhere = [host for host in hosts if can_vouch_for(host) and not is_loopback(host)]
    shown = [f"[{host}]" if ":" in host else host for host in elsewhere or hosts]
    out.write("In this house, WSPhone is at\n")
    out.writelines(f"  https://{host}:{config.tls.port}/\n" for host in shown)
    out.write("A phone or computer starts here, to trust this machine first:\n")
    start = f"http://{shown[0]}:{config.http.port}/"
    out.write(f"  {start}\n")
    segno.make_qr(start, error="l").terminal(out, border=2, compact=True)
    out.write(f"Fingerprint (SHA-256) of its authority:\n  {authority.fingerprint}\n")
