import ipaddress
from pathlib import Path

import pytest

from signaling.shared.config import (
    Apns,
    Calls,
    Config,
    Fcm,
    Http,
    Tls,
    Webpush,
    is_loopback,
    load,
)
from signaling.shared.errors import ConfigError


def written(directory: Path, text: str) -> Path:
    path = directory / "wsphone.toml"
    path.write_text(text, encoding="utf-8")
    return path


def refusal(path: Path | None = None, **environment: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(path, environment=environment)
    text = str(caught.value)
    assert "\n" not in text
    return text


class TestSources:
    def test_no_file_and_no_environment_is_the_default(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        assert load(environment={}) == Config()

    def test_wsphone_toml_of_the_working_directory_is_read(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        written(tmp_path, 'domain = "phones.example.org"')
        monkeypatch.chdir(tmp_path)
        assert load(environment={}).domain == "phones.example.org"

    def test_every_kind_of_key_is_read_from_a_file(self, tmp_path: Path) -> None:
        path = written(
            tmp_path,
            """
            domain = "Phones.Example.org"
            secret_key = [
                "a new key of at least 32 characters",
                "an old key of at least 32 characters",
            ]
            [http]
            port = 9000
            trusted_proxies = ["10.0.0.0/8", "::1"]
            allowed_origins = ["https://Phones.example.org:443", "http://[::1]:3000/"]
            [media]
            port_min = 20000
            port_max = 20100
            [calls]
            ring_seconds = 3
            resume_seconds = 2.5
            direct = "never"
            record = "on_request"
            [history]
            days = 30
            """,
        )
        config = load(path, environment={})
        assert config.domain == "phones.example.org"
        assert len(config.secret_key) == 2
        assert config.http == Http(
            port=9000,
            trusted_proxies=(ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("::1")),
            allowed_origins=("https://phones.example.org", "http://[::1]:3000"),
        )
        assert config.calls == Calls(
            ring_seconds=3, resume_seconds=2.5, direct="never", record="on_request"
        )
        assert config.history.days == 30

    def test_the_environment_wins_over_the_file(self, tmp_path: Path) -> None:
        path = written(tmp_path, "[http]\nport = 9000\n[calls]\nring_seconds = 10")
        config = load(
            path,
            environment={
                "WSPHONE_HTTP__PORT": "9001",
                "WSPHONE_HTTP__ALLOWED_ORIGINS": "https://a.test, https://b.test",
                "WSPHONE_CALLS__RESUME_SECONDS": "1.5",
                "HOME": "/root",
            },
        )
        assert config.http.port == 9001
        assert config.http.allowed_origins == ("https://a.test", "https://b.test")
        assert config.calls == Calls(ring_seconds=10, resume_seconds=1.5)

    def test_a_secret_is_read_from_the_file_that_the_environment_names(
        self, tmp_path: Path
    ) -> None:
        secret = tmp_path / "secret"
        secret.write_text("x" * 32 + "\n")
        config = load(environment={"WSPHONE_SECRET_KEY_FILE": str(secret)})
        assert config.secret_key == ("x" * 32,)

    def test_a_list_of_secrets_in_the_environment_rotates(self) -> None:
        config = load(environment={"WSPHONE_SECRET_KEY": f"{'n' * 32},{'o' * 32}"})
        assert config.secret_key == ("n" * 32, "o" * 32)

    def test_a_relative_data_dir_counts_from_the_file_that_names_it(self, tmp_path: Path) -> None:
        path = written(tmp_path, 'data_dir = "kept"')
        config = load(path, environment={})
        assert config.data_dir == tmp_path / "kept"
        assert config.database_url == f"sqlite+aiosqlite:///{tmp_path}/kept/wsphone.db"

    def test_a_data_dir_with_braces_is_taken_literally(self, tmp_path: Path) -> None:
        config = Config(data_dir=tmp_path / "{0}")
        assert config.database_url == f"sqlite+aiosqlite:///{tmp_path}/{{0}}/wsphone.db"

    def test_a_database_elsewhere_is_taken(self) -> None:
        config = load(environment={"WSPHONE_DATABASE__URL": "sqlite+aiosqlite:////srv/phones.db"})
        assert config.database_url == "sqlite+aiosqlite:////srv/phones.db"

    def test_postgresql_is_taken_and_its_password_stays_out_of_print(self, tmp_path: Path) -> None:
        url = "postgresql+asyncpg://phones:sesame@db.example.org:5433/phones"
        secret = tmp_path / "url"
        secret.write_text(f"{url}\n")
        config = load(environment={"WSPHONE_DATABASE__URL_FILE": str(secret)})
        assert config.database_url == url
        assert config.is_database_shared
        assert "sesame" not in repr(config)

    def test_push_has_sections_of_its_own_with_files_beside_the_file(self, tmp_path: Path) -> None:
        path = written(
            tmp_path,
            """
            [push.apns]
            key_file = "AuthKey.p8"
            key_id = "KEYKEYKEY1"
            team_id = "TEAMTEAM01"
            apps = ["org.example.phone"]
            url = "https://Apple.test:2197/"
            [push.fcm]
            credentials_file = "/etc/fcm.json"
            [push.webpush]
            contact = "phones@example.org"
            allowed_hosts = ["Ntfy.example.org", "*.push.test:8443"]
            allowed_networks = ["192.168.1.20/32"]
            """,
        )
        push = load(path, environment={}).push
        assert push.apns == Apns(
            key_file=tmp_path / "AuthKey.p8",
            key_id="KEYKEYKEY1",
            team_id="TEAMTEAM01",
            apps=("org.example.phone",),
            url="https://apple.test:2197",
        )
        assert push.fcm == Fcm(credentials_file=Path("/etc/fcm.json"))
        assert push.webpush == Webpush(
            contact="mailto:phones@example.org",
            allowed_hosts=("ntfy.example.org", "*.push.test:8443"),
            allowed_networks=(ipaddress.ip_network("192.168.1.20/32"),),
        )

    def test_push_is_configured_by_the_environment_as_well(self) -> None:
        config = load(
            environment={
                "WSPHONE_PUSH__APNS__CERT_FILE": "/run/apple.pem",
                "WSPHONE_PUSH__APNS__APPS": "org.example.one,org.example.two",
                "WSPHONE_PUSH__FCM__CA_FILE": "/run/ca.pem",
                "WSPHONE_PUSH__METRICS_HOST": "192.0.2.1",
                "WSPHONE_PUSH__METRICS_PORT": "9464",
            }
        )
        assert (config.push.metrics_host, config.push.metrics_port) == ("192.0.2.1", 9464)
        assert config.push.apns == Apns(
            cert_file=Path("/run/apple.pem"), apps=("org.example.one", "org.example.two")
        )
        assert config.push.fcm.ca_file == Path("/run/ca.pem")

    def test_redis_joins_what_has_the_same_keys(self, tmp_path: Path) -> None:
        (tmp_path / "url").write_text("redis://phones:sesame@db.test:6380/3\n")
        config = load(
            environment={
                "WSPHONE_REDIS__URL_FILE": str(tmp_path / "url"),
                "WSPHONE_SECRET_KEY": "k" * 32,
                "WSPHONE_PUSH__WEBPUSH__KEY_FILE": "/run/vapid.pem",
            }
        )
        assert config.redis.url == "redis://phones:sesame@db.test:6380/3"
        assert "sesame" not in repr(config)

    def test_certificates_lie_beside_the_file_that_names_them(self, tmp_path: Path) -> None:
        path = written(tmp_path, '[tls]\ncert = "chain.pem"\nkey = "/etc/key.pem"')
        config = load(path, environment={})
        assert config.tls == Tls(tmp_path / "chain.pem", Path("/etc/key.pem"))

    def test_the_secret_key_is_not_in_what_a_config_prints(self) -> None:
        assert "sesame" not in repr(load(environment={"WSPHONE_SECRET_KEY": "sesame" * 6}))


class TestRefusals:
    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        assert "none.toml: cannot be read: No such file" in refusal(tmp_path / "none.toml")

    def test_a_file_that_is_not_toml_is_named_with_the_line(self, tmp_path: Path) -> None:
        text = refusal(written(tmp_path, "domain = \n"))
        assert "wsphone.toml: is not TOML" in text
        assert "line 1" in text

    def test_a_file_that_is_not_text_is_named(self, tmp_path: Path) -> None:
        path = tmp_path / "wsphone.toml"
        path.write_bytes(b'domain = "\xff"')
        assert "wsphone.toml: is not UTF-8 text" in refusal(path)

    def test_an_unknown_key_is_named_with_the_nearest_one(self, tmp_path: Path) -> None:
        text = refusal(written(tmp_path, "[http]\nprot = 80"))
        assert "wsphone.toml: http.prot: there is no such key; did you mean http.port?" in text

    def test_an_unknown_section_is_refused_with_the_keys_there_are(self, tmp_path: Path) -> None:
        text = refusal(written(tmp_path, "[zzz]\nqqqq = 80"))
        assert "zzz.qqqq: there is no such key; the keys are domain, " in text

    def test_a_value_in_place_of_a_section_is_refused(self, tmp_path: Path) -> None:
        assert "http: is a section; write [http]" in refusal(written(tmp_path, "http = 8080"))

    def test_a_table_in_place_of_a_value_is_refused(self, tmp_path: Path) -> None:
        assert "domain.name: there is no such key" in refusal(
            written(tmp_path, '[domain]\nname = "a.test"')
        )

    def test_an_unknown_variable_is_named_with_the_nearest_one(self) -> None:
        text = refusal(WSPHONE_HTTP_PORT="80")
        assert text.startswith("environment: WSPHONE_HTTP_PORT: there is no such key")
        assert text.endswith("did you mean WSPHONE_HTTP__PORT?")

    def test_a_secret_given_twice_is_refused(self, tmp_path: Path) -> None:
        text = refusal(WSPHONE_SECRET_KEY="x" * 32, WSPHONE_SECRET_KEY_FILE=str(tmp_path / "s"))
        assert "WSPHONE_SECRET_KEY_FILE: is given twice" in text

    def test_a_secret_file_that_cannot_be_read_is_named(self, tmp_path: Path) -> None:
        text = refusal(WSPHONE_SECRET_KEY_FILE=str(tmp_path / "none"))
        assert text.startswith("environment: WSPHONE_SECRET_KEY_FILE: ")
        assert "No such file" in text

    def test_a_secret_is_never_part_of_the_refusal(self) -> None:
        text = refusal(WSPHONE_SECRET_KEY="sesame")
        assert "sesame" not in text
        assert "at least 32 characters" in text

    @pytest.mark.parametrize(
        ("text", "place", "right"),
        [
            ("[http]\nport = 0", "http.port", "a port from 1 to 65535"),
            ("[http]\nport = 65536", "http.port", "a port from 1 to 65535"),
            ('[http]\nport = "80"', "http.port", "a port from 1 to 65535"),
            ("[http]\nport = true", "http.port", "a port from 1 to 65535"),
            ("[http]\nport = 80.5", "http.port", "a port from 1 to 65535"),
            ('[http]\nhost = "a b"', "http.host", "an IP address or a host name"),
            ("[http]\ntrusted_proxies = [1]", "http.trusted_proxies", "addresses or networks"),
            ('[http]\ntrusted_proxies = ["x"]', "http.trusted_proxies", "addresses or networks"),
            ('[http]\nallowed_origins = ["a.test"]', "http.allowed_origins", "origins such as"),
            (
                '[http]\nallowed_origins = ["https://a.test/x"]',
                "http.allowed_origins",
                "origins such as",
            ),
            (
                '[http]\nallowed_origins = ["https://me@a.test"]',
                "http.allowed_origins",
                "origins such as",
            ),
            ('[sip]\nhost = "a.test"', "sip.host", "an IP address"),
            ('[sip]\nunsupported_push = "no"', "sip.unsupported_push", '"refuse" or "ignore"'),
            ('[media]\nhost = "everywhere"', "media.host", '"auto" or an IP address'),
            ('[media]\nadvertised_address = "a.test"', "media.advertised_address", "an IP address"),
            ("[media]\nworkers = 65", "media.workers", "processes up to 64"),
            ("[media]\nmax_transcoded = -1", "media.max_transcoded", "a number of calls"),
            ('[media]\nbrowser_codec = "mp3"', "media.browser_codec", '"auto" or "opus"'),
            ("[media]\nport_min = 80", "media.port_min", "a port from 1024 to 65535"),
            ("[calls]\nring_seconds = 0", "calls.ring_seconds", "from 1 to 600"),
            ("[calls]\nring_seconds = nan", "calls.ring_seconds", "from 1 to 600"),
            ('[calls]\ndirect = "yes"', "calls.direct", '"always" or "never"'),
            ('[calls]\nrecord = "sometimes"', "calls.record", '"on_request" or "always"'),
            ("[history]\ndays = 0", "history.days", "from 1 to 36500"),
            ("[history]\ndays = 1.5", "history.days", "from 1 to 36500"),
            ('domain = ""', "domain", "a domain name"),
            ('domain = "-a.test"', "domain", "a domain name"),
            ('domain = "a..test"', "domain", "a domain name"),
            ('data_dir = ""', "data_dir", "a directory"),
            ('data_dir = "a\\u0000b"', "data_dir", "a directory"),
            ('[database]\nurl = "postgresql+asyncpg://db"', "database.url", "@host/database"),
            ('[database]\nurl = "postgresql+asyncpg://db:x/y"', "database.url", "@host/database"),
            ('[tls]\ncert = "chain.pem"', "tls.cert", "go together"),
            ("[tls]\nport = 8080", "tls.port", "is http.port already"),
            ('[calls]\nemergency_numbers = ["help"]', "calls.emergency_numbers", "2 to 6 digits"),
            ("[push.apns.key]\nid = 1", "push.apns.key.id", "did you mean push.apns.key_id"),
            ("[push]\napns = 1", "push.apns", "is a section; write [push.apns]"),
            ('[push.apns]\nkey_id = "KEYKEYKEY1"', "push.apns.key_id", "go together"),
            ('[push.apns]\nkey_id = "short"', "push.apns.key_id", "10 capital letters"),
            ('[push.apns]\napps = ["a b"]', "push.apns.apps", "bundle ids"),
            ('[push.apns]\nurl = "http://apple.test"', "push.apns.url", "https://push.example"),
            ('[push.fcm]\nurl = "https://g.test/v1"', "push.fcm.url", "without a path"),
            ('[push.fcm]\nca_file = ""', "push.fcm.ca_file", "a file"),
            ('[push.webpush]\ncontact = "me"', "push.webpush.contact", "a mail address"),
            ('[push.webpush]\nallowed_hosts = ["*"]', "push.webpush.allowed_hosts", "hosts such"),
            (
                '[push.webpush]\nallowed_hosts = ["a.test:0"]',
                "push.webpush.allowed_hosts",
                "hosts such",
            ),
            ('[redis]\nurl = "db.test:6379"', "redis.url", "redis://"),
            ('[redis]\nurl = "redis://db.test:x"', "redis.url", "redis://"),
            ('[redis]\nurl = "redis://db.test/name"', "redis.url", "redis://"),
            ('[redis]\nurl = "unix://"', "redis.url", "redis://"),
            ('[redis]\nurl = "redis://db.test"', "redis.url", "needs secret_key as well"),
            ('[database]\nurl = "mysql://db/x"', "database.url", "sqlite+aiosqlite"),
            ('[database]\nurl = "sqlite+aiosqlite:///x.db"', "database.url", "absolute path"),
            ('[database]\nurl = "sqlite+aiosqlite://"', "database.url", "absolute path"),
        ],
    )
    def test_a_bad_value_is_named_with_its_place_and_what_would_be_right(
        self, tmp_path: Path, text: str, place: str, right: str
    ) -> None:
        told = refusal(written(tmp_path, text))
        assert f"wsphone.toml: {place}: " in told
        assert right in told

    def test_apple_gets_a_key_or_a_certificate_not_both(self) -> None:
        text = refusal(
            WSPHONE_PUSH__APNS__KEY_FILE="key.p8",
            WSPHONE_PUSH__APNS__KEY_ID="KEYKEYKEY1",
            WSPHONE_PUSH__APNS__TEAM_ID="TEAMTEAM01",
            WSPHONE_PUSH__APNS__CERT_FILE="cert.pem",
        )
        assert text.startswith("environment: WSPHONE_PUSH__APNS__CERT_FILE: ")
        assert "keep one of them" in text

    def test_redis_is_refused_without_a_key_that_all_processes_share(self) -> None:
        text = refusal(WSPHONE_REDIS__URL="redis://db.test", WSPHONE_SECRET_KEY="k" * 32)
        assert text.startswith("environment: WSPHONE_REDIS__URL: needs push.webpush.key_file")

    def test_the_password_of_redis_is_not_part_of_the_refusal(self) -> None:
        assert "sesame" not in refusal(WSPHONE_REDIS__URL="http://phones:sesame@db.test")

    def test_a_bad_number_in_the_environment_names_the_variable(self) -> None:
        assert refusal(WSPHONE_HTTP__PORT="eighty") == (
            "environment: WSPHONE_HTTP__PORT: 'eighty' is not a port from 1 to 65535"
        )

    def test_a_media_range_without_room_for_rtp_and_rtcp_is_refused(self, tmp_path: Path) -> None:
        text = refusal(written(tmp_path, "[media]\nport_min = 10001\nport_max = 10002"))
        assert "wsphone.toml: media.port_max: the ports 10001 to 10002 hold no even port" in text

    def test_the_smallest_media_range_that_has_room_is_taken(self, tmp_path: Path) -> None:
        path = written(tmp_path, "[media]\nport_min = 10001\nport_max = 10003")
        assert load(path, environment={}).media.port_max == 10003

    def test_each_media_process_needs_ports_of_its_own(self, tmp_path: Path) -> None:
        text = "[media]\nport_min = 10001\nport_max = 10006\nworkers = "
        assert load(written(tmp_path, f"{text}2"), environment={}).media.workers == 2
        assert "media.workers: the ports 10001 to 10006 are 2 pairs" in refusal(
            written(tmp_path, f"{text}3")
        )

    def test_a_sip_port_within_the_media_range_is_refused(self) -> None:
        text = refusal(WSPHONE_SIP__PORT="10500")
        assert text.startswith("environment: WSPHONE_SIP__PORT: sip.port 10500 lies within")


class TestLoopback:
    @pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1.2.3", "::1"])
    def test_only_this_machine_reaches_it(self, host: str) -> None:
        assert is_loopback(host)

    @pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "localhost.example.org"])
    def test_others_reach_it_too(self, host: str) -> None:
        assert not is_loopback(host)
