"""The keys of the configuration, with what each of them may be."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from signaling.shared import config_values as allowed
from signaling.shared.config_values import POSTGRESQL, SQLITE


@dataclass(frozen=True, slots=True)
class Key:
    kind: Literal["text", "integer", "number", "list"]
    # Returns the value to keep; ValueError when it is out of bounds.
    check: Callable[[Any], object]
    expected: str
    is_secret: bool = False
    # A relative one counts from the directory of the file that names it.
    is_path: bool = False


TYPES: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "integer": (int,),
    "number": (int, float),
    "list": (list,),
}

_PORT = Key("integer", allowed.between(1, 65535), "a port from 1 to 65535")
_MEDIA_PORT = Key("integer", allowed.between(1024, 65535), "a port from 1024 to 65535")
_HOST = Key("text", allowed.host, "an IP address or a host name")
_FILE = Key("text", allowed.path, "a file", is_path=True)
_SERVER = Key(
    "text", allowed.secure_server, 'a server such as "https://push.example.org", without a path'
)
_APPLE_ID = Key("text", allowed.apple_id, "10 capital letters and digits, as Apple's site shows it")
KEYS: dict[str, Key] = {
    "domain": Key("text", allowed.host_name, "a domain name such as phones.example.org"),
    "data_dir": Key("text", allowed.path, "a directory", is_path=True),
    "secret_key": Key(
        "list", allowed.secrets, "printable ASCII text of at least 32 characters", is_secret=True
    ),
    "http.host": _HOST,
    "http.port": _PORT,
    "http.trusted_proxies": Key(
        "list", allowed.networks, 'addresses or networks such as "10.0.0.0/8"'
    ),
    "http.allowed_origins": Key(
        "list", allowed.origins, 'origins such as "https://phones.example.org", without a path'
    ),
    "http.metrics_from": Key(
        "list", allowed.networks, 'addresses or networks such as "10.0.0.5/32"'
    ),
    "tls.cert": _FILE,
    "tls.key": _FILE,
    "tls.port": _PORT,
    "sip.host": Key("text", allowed.address, "an IP address"),
    "sip.port": _PORT,
    "sip.advertised_address": _HOST,
    "sip.srtp": Key(
        "text",
        allowed.one_of("none", "optional", "required", "dtls"),
        '"none", "optional", "required" or "dtls"',
    ),
    "sip.unsupported_push": Key("text", allowed.one_of("refuse", "ignore"), '"refuse" or "ignore"'),
    "media.engine": Key("text", allowed.one_of("aiortc", "rtpengine"), '"aiortc" or "rtpengine"'),
    "media.rtpengine_urls": Key(
        "list", allowed.udp_urls, 'up to 64 ng ports such as "udp://127.0.0.1:2223"'
    ),
    "media.rtpengine_digits": Key(
        "text", allowed.udp_url, 'an address and port of this machine, "udp://127.0.0.1:2224"'
    ),
    "media.host": Key("text", allowed.address_or_auto, '"auto" or an IP address'),
    "media.advertised_address": Key("text", allowed.address, "an IP address"),
    "media.port_min": _MEDIA_PORT,
    "media.port_max": _MEDIA_PORT,
    "media.trusted_networks": Key(
        "list", allowed.networks, 'addresses or networks such as "203.0.113.0/24"'
    ),
    "turn.urls": Key(
        "list",
        allowed.ice_urls,
        'servers such as "stun:turn.example.org", "turn:turn.example.org:3478?transport=udp" or'
        ' "turns:turn.example.org:5349"',
    ),
    "turn.secret": Key(
        "text", allowed.secret, "printable ASCII text of at least 32 characters", is_secret=True
    ),
    "turn.seconds": Key(
        "number", allowed.between(120, 604_800), "a number of seconds from 120 to 604800, a week"
    ),
    "media.max_transcoded": Key(
        "integer",
        allowed.between(0, 10_000),
        "a number of calls, or 0 for as many as a core carries",
    ),
    "media.workers": Key(
        "integer",
        allowed.between(0, 64),
        "a number of processes up to 64, or 0 for none beside the server's own",
    ),
    "media.browser_codec": Key("text", allowed.one_of("auto", "opus"), '"auto" or "opus"'),
    "database.url": Key(
        "text",
        allowed.database_url,
        f"{SQLITE}/path/to/file (an absolute path or {{data_dir}}/name),"
        f" or {POSTGRESQL}user:password@host/database",
        is_secret=True,
    ),
    "redis.url": Key(
        "text",
        allowed.redis_url,
        "redis://user:password@host:port/number, rediss:// for TLS, or unix:///path/to/socket",
        is_secret=True,
    ),
    "push.metrics_host": _HOST,
    "push.metrics_port": _PORT,
    "push.apns.key_file": _FILE,
    "push.apns.key_id": _APPLE_ID,
    "push.apns.team_id": _APPLE_ID,
    "push.apns.cert_file": _FILE,
    "push.apns.apps": Key("list", allowed.bundle_ids, 'bundle ids such as "org.example.phone"'),
    "push.apns.url": _SERVER,
    "push.apns.sandbox_url": _SERVER,
    "push.apns.ca_file": _FILE,
    "push.fcm.credentials_file": _FILE,
    "push.fcm.url": _SERVER,
    "push.fcm.ca_file": _FILE,
    "push.webpush.contact": Key(
        "text", allowed.mail_address, 'a mail address such as "phones@example.org"'
    ),
    "push.webpush.key_file": _FILE,
    "push.webpush.allowed_hosts": Key(
        "list",
        allowed.host_patterns,
        'hosts such as "push.example.org", "*.example.org" or "push.example.org:8443"',
    ),
    "push.webpush.allowed_networks": Key(
        "list", allowed.networks, 'addresses or networks such as "192.168.1.20/32"'
    ),
    "push.webpush.ca_file": _FILE,
    "calls.ring_seconds": Key(
        "number", allowed.between(1, 600), "a number of seconds from 1 to 600"
    ),
    "calls.resume_seconds": Key(
        "number", allowed.between(1, 3600), "a number of seconds from 1 to 3600"
    ),
    "calls.emergency_numbers": Key(
        "list", allowed.numbers, 'numbers of 2 to 6 digits such as "112"'
    ),
    "calls.hold_music": Key("text", allowed.music, '"default", "none" or a WAV file', is_path=True),
    "calls.direct": Key("text", allowed.one_of("always", "never"), '"always" or "never"'),
    "calls.record": Key(
        "text",
        allowed.one_of("never", "on_request", "always"),
        '"never", "on_request" or "always"',
    ),
    "history.days": Key(
        "integer", allowed.between(1, 36_500), "a number of days from 1 to 36500, a century"
    ),
}
# With what they lie in: `push.apns` brings `push`.
SECTIONS = frozenset(
    name[:end] for name in KEYS for end, letter in enumerate(name) if letter == "."
)
