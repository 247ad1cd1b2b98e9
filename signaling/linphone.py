"""What a person types into Linphone, or another SIP phone, to make it one of ours."""

import ipaddress
from dataclasses import dataclass
from xml.sax.saxutils import escape

from signaling.shared.config import Config
from signaling.shared.config_values import is_address

_REGISTER_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Settings:
    """What makes a phone one of an account's."""

    username: str
    display_name: str
    secret: str


def proxy_of(config: Config, *, reached: str | None = None) -> str:
    """Where the phone registers, as a SIP URI; `reached` is an address of ours it came to."""
    host = config.sip.advertised_address or config.sip.host
    if reached is not None and _is_any(host):
        host = reached
    if _is_any(host):
        # Bound to every address: only whoever runs it knows which of them the phone can reach.
        host = "ADDRESS-OF-THIS-MACHINE"
    elif ":" in host:
        host = f"[{host}]"
    return f"sip:{host}:{config.sip.port};transport=udp"


def provisioning(config: Config, settings: Settings, *, reached: str | None) -> str:
    """Linphone's remote provisioning: a configuration in the XML of its lpconfig.xsd.

    Its first account becomes ours. Codecs and the rest stay as they are.
    """
    proxy = proxy_of(config, reached=reached)
    address = f"sip:{settings.username}@{config.domain}"
    sections = {
        "sip": {"default_proxy": "0"},
        "proxy_0": {
            "reg_proxy": f"<{proxy}>",
            "reg_route": f"<{proxy};lr>",
            "reg_identity": f"{_quoted(settings.display_name)} <{address}>",
            "reg_expires": str(_REGISTER_SECONDS),
            "reg_sendregister": "1",
            "publish": "0",
        },
        "auth_info_0": {
            "username": settings.username,
            "userid": settings.username,
            "passwd": settings.secret,
            "realm": config.domain,
            "domain": config.domain,
        },
    }
    body = "".join(
        f'  <section name="{section}">\n{_xml_entries(entries)}  </section>\n'
        for section, entries in sections.items()
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<config xmlns="http://www.linphone.org/xsds/lpconfig.xsd">\n{body}</config>\n'
    )


def _xml_entries(entries: dict[str, str]) -> str:
    return "".join(
        f'    <entry name="{name}" overwrite="true">{escape(value)}</entry>\n'
        for name, value in entries.items()
    )


def _quoted(text: str) -> str:
    """A display name as a quoted string (RFC 3261, section 25.1)."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _is_any(host: str) -> bool:
    return is_address(host) and ipaddress.ip_address(host).is_unspecified


def entries(config: Config, username: str, secret: str) -> list[tuple[str, str]]:
    """The fields of Linphone's "Use a SIP account", with what goes into each."""
    return [
        ("Username", username),
        ("Password", secret),
        ("Domain", config.domain),
        ("Transport", "UDP"),
        ("SIP proxy address", proxy_of(config)),
    ]


def block(pairs: list[tuple[str, str]], *, indent: str = "  ") -> str:
    """The pairs one a line, the values below each other."""
    width = max(len(name) for name, _ in pairs)
    return "".join(f"{indent}{name:<{width}}  {value}\n" for name, value in pairs)
