"""What a person types into Linphone, or another SIP phone, to make it one of ours."""

import ipaddress

from signaling.shared.config import Config, is_address


def proxy_of(config: Config) -> str:
    """Where the phone registers, as a SIP URI."""
    host = config.sip.advertised_address or config.sip.host
    if is_address(host) and ipaddress.ip_address(host).is_unspecified:
        # Bound to every address: only whoever runs it knows which of them the phone can reach.
        host = "ADDRESS-OF-THIS-MACHINE"
    elif ":" in host:
        host = f"[{host}]"
    return f"sip:{host}:{config.sip.port};transport=udp"


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
