"""The configuration: its keys, bounds and defaults, read from a file and the environment."""

import ipaddress
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from signaling.shared import config_values as allowed
from signaling.shared.config_keys import KEYS, SECTIONS, TYPES
from signaling.shared.config_sources import Given, read_environment, read_file
from signaling.shared.config_values import POSTGRESQL, SQLITE, is_address
from signaling.shared.errors import ConfigError

DEFAULT_FILE = Path("wsphone.toml")


# The best known ones that hardly anybody gives to a desk.
EMERGENCY_NUMBERS = tuple("000 110 111 112 113 115 118 119 911 995 999".split())

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))


@dataclass(frozen=True, slots=True)
class Http:
    host: str = "127.0.0.1"
    port: int = 8080
    trusted_proxies: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()
    # As browsers serialise an origin: `https://phones.example.org`, no default port, no path.
    allowed_origins: tuple[str, ...] = ()
    # Who reads /metrics without a token.
    metrics_from: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = LOOPBACK


@dataclass(frozen=True, slots=True)
class Tls:
    # With them, or the local authority's, the page is served over HTTPS on `port`; http.port sends
    # there.
    cert: Path | None = None
    key: Path | None = None
    port: int = 8443


@dataclass(frozen=True, slots=True)
class Sip:
    host: str = "127.0.0.1"
    port: int = 5060
    advertised_address: str | None = None
    # What a phone gets that asks to be woken by a service that is not set up (RFC 8599).
    unsupported_push: Literal["refuse", "ignore"] = "refuse"
    # How phones' sound is encrypted: "optional" takes what a phone offers, and offers keys.
    srtp: Literal["none", "optional", "required", "dtls"] = "optional"


@dataclass(frozen=True, slots=True)
class Media:
    # "auto", or the address to bind and to offer.
    host: str = "auto"
    advertised_address: str | None = None
    port_min: int = 10000
    port_max: int = 20000
    # Phones' media here is sent to before it is heard, wherever the phones signal from.
    trusted_networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()
    # How many calls each process transcodes at once; 0: as many as a core carries.
    max_transcoded: int = 0
    # Processes that carry the sound; 0: the server's own.
    workers: int = 0
    # "opus": browsers are asked for it even where the phone speaks another codec.
    browser_codec: Literal["auto", "opus"] = "auto"
    engine: Literal["aiortc", "rtpengine"] = "aiortc"
    # The instances of rtpengine, by their ng ports; and where they tell of digits.
    rtpengine_urls: tuple[str, ...] = ()
    rtpengine_digits: str | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    # `stun:`, `turn:` and `turns:` URLs (RFC 7064, RFC 7065), told to clients as they are here.
    urls: tuple[str, ...] = ()
    # What clients' time-limited credentials are made of; shared with coturn.
    secret: str | None = field(default=None, repr=False)
    # How long credentials are good for; new ones come in half that time.
    seconds: float = 43_200


@dataclass(frozen=True, slots=True)
class Database:
    # `{data_dir}` stands for the data directory; a PostgreSQL URL may hold a password.
    url: str = field(default=SQLITE + "{data_dir}/wsphone.db", repr=False)


@dataclass(frozen=True, slots=True)
class Redis:
    # Joins the processes of one installation; may hold a password.
    url: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Apns:
    # Apple's key (.p8) with its id and the team's, or a certificate with its key in one file.
    key_file: Path | None = None
    key_id: str | None = None
    team_id: str | None = None
    cert_file: Path | None = None
    # The bundle ids that are pushed; empty: whatever the apps register.
    apps: tuple[str, ...] = ()
    url: str = "https://api.push.apple.com"
    sandbox_url: str = "https://api.sandbox.push.apple.com"
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Fcm:
    # The JSON file of a service account.
    credentials_file: Path | None = None
    url: str = "https://fcm.googleapis.com"
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Webpush:
    # Whom a push service writes to when our pushes trouble it; `mailto:…`.
    contact: str | None = None
    # None: made at the first start, in data_dir.
    key_file: Path | None = None
    # Beside the browsers' own push services.
    allowed_hosts: tuple[str, ...] = ()
    # The addresses that those hosts may have although they are not public.
    allowed_networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Push:
    # Where a process that only pushes shows its figures.
    metrics_host: str = "127.0.0.1"
    metrics_port: int = 8081
    apns: Apns = Apns()
    fcm: Fcm = Fcm()
    webpush: Webpush = Webpush()


@dataclass(frozen=True, slots=True)
class Calls:
    ring_seconds: float = 45
    resume_seconds: float = 30
    direct: Literal["always", "never"] = "always"
    # Which calls are recorded; both sides are told. "on_request": when one of them asks.
    record: Literal["never", "on_request", "always"] = "never"
    # What whoever is held hears: "default" is shipped, "none" is silence; else a WAV file.
    hold_music: str = "default"
    # As people dial them; refused with words that say so, as no trunk carries them.
    emergency_numbers: tuple[str, ...] = EMERGENCY_NUMBERS


@dataclass(frozen=True, slots=True)
class History:
    # How long calls are kept after their end, with their recordings.
    days: int = 90


@dataclass(frozen=True, slots=True)
class Config:
    """One checked configuration; `Config()` is what runs with no file at all."""

    domain: str = "wsphone.local"
    data_dir: Path = Path("var")
    # The first encrypts and signs, all decrypt and verify; empty: a file in data_dir holds the key.
    secret_key: tuple[str, ...] = field(default=(), repr=False)
    http: Http = Http()
    tls: Tls = Tls()
    sip: Sip = Sip()
    media: Media = Media()
    turn: Turn = Turn()
    database: Database = Database()
    redis: Redis = Redis()
    push: Push = Push()
    calls: Calls = Calls()
    history: History = History()

    @property
    def database_url(self) -> str:
        """Where the database is, with the data directory filled in."""
        url = self.database.url
        if self.is_database_shared:
            return url
        return url.replace("{data_dir}", str(self.data_dir))

    @property
    def is_database_shared(self) -> bool:
        """Whether other machines may use the database too."""
        return self.database.url.startswith(POSTGRESQL)


def load(path: Path | None = None, *, environment: Mapping[str, str] | None = None) -> Config:
    """Read `path`, or wsphone.toml where there is one, then the environment, which wins.

    Raises ConfigError. A relative path counts from the directory of the file that names it.
    """
    values: dict[str, Given] = {}
    if path is not None or DEFAULT_FILE.exists():
        values.update(read_file(path or DEFAULT_FILE))
    values.update(read_environment(os.environ if environment is None else environment))
    checked = {name: _check(name, given) for name, given in values.items()}
    config = _build(checked)
    _check_together(config, values)
    return config


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens on `host`."""
    return host == "localhost" or (is_address(host) and ipaddress.ip_address(host).is_loopback)


def _check(name: str, given: Given) -> object:
    key = KEYS[name]
    value = given.value
    if key.is_secret and key.kind == "list" and isinstance(value, str):
        value = [value]
    fits = isinstance(value, TYPES[key.kind]) and not isinstance(value, bool)
    if fits and isinstance(value, list):
        fits = all(isinstance(item, str) for item in value)
    try:
        return key.check(allowed.require(value, met=fits))
    except ValueError as error:
        shown = "what it holds" if key.is_secret else repr(given.value)
        raise ConfigError(f"{given.place}: {shown} is not {key.expected}") from error


def _build(values: dict[str, object]) -> Config:
    parts: dict[str, dict[str, Any]] = {section: {} for section in ("", *SECTIONS)}
    for name, value in values.items():
        section, _, key = name.rpartition(".")
        parts[section][key] = value
    return Config(
        http=Http(**parts["http"]),
        tls=Tls(**parts["tls"]),
        sip=Sip(**parts["sip"]),
        media=Media(**parts["media"]),
        turn=Turn(**parts["turn"]),
        database=Database(**parts["database"]),
        redis=Redis(**parts["redis"]),
        push=Push(
            apns=Apns(**parts["push.apns"]),
            fcm=Fcm(**parts["push.fcm"]),
            webpush=Webpush(**parts["push.webpush"]),
            **parts["push"],
        ),
        calls=Calls(**parts["calls"]),
        history=History(**parts["history"]),
        **parts[""],
    )


def _check_together(config: Config, values: Mapping[str, Given]) -> None:
    """Refuse values that are each in bounds and do not fit each other."""

    def place(*names: str) -> str:
        return next((values[name].place for name in names if name in values), names[0])

    tls = config.tls
    if (tls.cert is None) is not (tls.key is None):
        raise ConfigError(f"{place('tls.cert', 'tls.key')}: tls.cert and tls.key go together")
    if tls.port == config.http.port and "tls.port" in values:
        raise ConfigError(f"{place('tls.port')}: {tls.port} is http.port already; choose another")
    media = config.media
    # RTP takes an even port and RTCP the odd one above it (RFC 3550, section 11).
    if media.port_min + media.port_min % 2 + 1 > media.port_max:
        raise ConfigError(
            f"{place('media.port_max', 'media.port_min')}: the ports {media.port_min} to"
            f" {media.port_max} hold no even port and the odd one above it; widen the range"
        )
    pairs = (media.port_max + 1 - media.port_min - media.port_min % 2) // 2
    if pairs < media.workers:
        raise ConfigError(
            f"{place('media.workers')}: the ports {media.port_min} to {media.port_max} are"
            f" {pairs} pairs, less than one for each process; widen the range"
        )
    if media.port_min <= config.sip.port <= media.port_max:
        raise ConfigError(
            f"{place('sip.port', 'media.port_min', 'media.port_max')}: sip.port {config.sip.port}"
            f" lies within media.port_min to media.port_max; choose one outside"
        )
    _check_rtpengine(config, place)
    _check_turn(config.turn, place)
    _check_push(config, place)
    _check_joined(config, place)


def _check_rtpengine(config: Config, place: Callable[..., str]) -> None:
    media = config.media
    if media.engine != "rtpengine":
        return
    if not media.rtpengine_urls:
        raise ConfigError(
            f"{place('media.engine')}: rtpengine needs media.rtpengine_urls as well, the ng ports"
            ' of its instances, such as ["udp://127.0.0.1:2223"]'
        )
    if media.workers:
        raise ConfigError(
            f"{place('media.workers')}: rtpengine carries the sound by itself; leave media.workers"
            " out, and name more instances in media.rtpengine_urls"
        )
    if config.calls.record != "never":
        raise ConfigError(
            f"{place('calls.record')}: rtpengine hands us no sound to record; say"
            ' media.engine = "aiortc", or calls.record = "never"'
        )


def _check_turn(turn: Turn, place: Callable[..., str]) -> None:
    relays = any(not url.startswith("stun:") for url in turn.urls)
    if relays and turn.secret is None:
        raise ConfigError(
            f"{place('turn.urls')}: a TURN server needs turn.secret as well, its own"
            " static-auth-secret; make one with openssl rand -hex 32"
        )
    if turn.secret is not None and not relays:
        raise ConfigError(
            f"{place('turn.secret')}: serves no one without a turn: or turns: URL in turn.urls"
        )


def _check_push(config: Config, place: Callable[..., str]) -> None:
    apns = config.push.apns
    if apns.key_file is not None and apns.cert_file is not None:
        raise ConfigError(
            f"{place('push.apns.cert_file')}: push.apns.key_file serves already; keep one of them"
        )
    with_key = (apns.key_file, apns.key_id, apns.team_id)
    if any(with_key) and not all(with_key):
        raise ConfigError(
            f"{place('push.apns.key_file', 'push.apns.key_id', 'push.apns.team_id')}:"
            " push.apns.key_file, push.apns.key_id and push.apns.team_id go together"
        )


def _check_joined(config: Config, place: Callable[..., str]) -> None:
    """Each process would make keys of its own, and none could read what another one wrote."""
    if config.redis.url is None:
        return
    if not config.secret_key:
        raise ConfigError(
            f"{place('redis.url')}: needs secret_key as well, the same for every process; make"
            " one with openssl rand -base64 33 and set WSPHONE_SECRET_KEY_FILE to its file"
        )
    if config.push.webpush.key_file is None:
        raise ConfigError(
            f"{place('redis.url')}: needs push.webpush.key_file as well, the same for every"
            " process; make one with openssl genpkey -algorithm EC -pkeyopt"
            " ec_paramgen_curve:P-256 -out FILE, or take webpush_key.pem of data_dir"
        )
