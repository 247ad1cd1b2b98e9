"""The local certificate authority."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from signaling.authority import LocalAuthority
from signaling.shared.errors import OperatorError

NOW = datetime(2026, 3, 1, tzinfo=UTC)
HOSTS = ["192.168.7.20", "127.0.0.1", "box.local", "localhost"]


def verified(authority: LocalAuthority, host: str, *, now: datetime = NOW) -> bool:
    """Whether a client that trusts the authority alone takes the server for `host`."""
    served = x509.load_pem_x509_certificate(authority.files.cert.read_bytes())
    trusted = Store([x509.load_der_x509_certificate(authority.certificate)])
    verifier = PolicyBuilder().store(trusted).time(now).build_server_verifier(x509.DNSName(host))
    try:
        verifier.verify(served, [])
    except VerificationError:
        return False
    return True


class TestServerCertificates:
    def test_they_are_believed_for_the_hosts_and_no_others(self, tmp_path: Path) -> None:
        authority = LocalAuthority(tmp_path / "tls", now=NOW)
        assert authority.refresh(HOSTS, now=NOW)
        assert verified(authority, "box.local")
        assert not verified(authority, "other.local")

    def test_one_that_is_good_stays(self, tmp_path: Path) -> None:
        authority = LocalAuthority(tmp_path / "tls", now=NOW)
        authority.refresh(HOSTS, now=NOW)
        assert not authority.refresh(HOSTS, now=NOW + timedelta(days=59))

    def test_it_is_renewed_a_month_before_it_ends(self, tmp_path: Path) -> None:
        authority = LocalAuthority(tmp_path / "tls", now=NOW)
        authority.refresh(HOSTS, now=NOW)
        assert authority.refresh(HOSTS, now=NOW + timedelta(days=61))
        assert verified(authority, "box.local", now=NOW + timedelta(days=120))

    def test_it_is_renewed_when_the_address_changes(self, tmp_path: Path) -> None:
        authority = LocalAuthority(tmp_path / "tls", now=NOW)
        authority.refresh(HOSTS, now=NOW)
        assert authority.refresh(["192.168.7.21", *HOSTS[1:]], now=NOW)

    def test_a_damaged_one_is_made_anew(self, tmp_path: Path) -> None:
        authority = LocalAuthority(tmp_path / "tls", now=NOW)
        authority.refresh(HOSTS, now=NOW)
        authority.files.key.write_text("damaged")
        assert authority.refresh(HOSTS, now=NOW)
        assert not authority.refresh(HOSTS, now=NOW)

    def test_hosts_outside_a_house_are_left_out(self, tmp_path: Path) -> None:
        """One of them would make clients refuse the whole certificate."""
        authority = LocalAuthority(tmp_path / "tls", now=NOW)
        authority.refresh([*HOSTS, "198.51.100.7", "bank.example.org"], now=NOW)
        assert verified(authority, "box.local")
        assert not authority.refresh(HOSTS, now=NOW)


class TestTheAuthority:
    def test_it_stays_the_same_over_restarts(self, tmp_path: Path) -> None:
        first = LocalAuthority(tmp_path / "tls", now=NOW)
        again = LocalAuthority(tmp_path / "tls", now=NOW + timedelta(days=2000))
        assert first.fingerprint == again.fingerprint
        assert len(first.fingerprint) == 95

    def test_one_that_is_about_to_end_makes_room(self, tmp_path: Path) -> None:
        first = LocalAuthority(tmp_path / "tls", now=NOW)
        again = LocalAuthority(tmp_path / "tls", now=NOW + timedelta(days=3600))
        assert first.fingerprint != again.fingerprint

    def test_its_keys_are_for_this_user_alone(self, tmp_path: Path) -> None:
        authority = LocalAuthority(tmp_path / "tls", now=NOW)
        authority.refresh(HOSTS, now=NOW)
        modes = {file.name: file.stat().st_mode & 0o777 for file in (tmp_path / "tls").iterdir()}
        assert modes["ca.key"] == modes["server.key"] == 0o600

    def test_a_damaged_one_is_named(self, tmp_path: Path) -> None:
        LocalAuthority(tmp_path / "tls", now=NOW)
        (tmp_path / "tls" / "ca.key").write_text("damaged")
        with pytest.raises(OperatorError, match="local authority cannot be read"):
            LocalAuthority(tmp_path / "tls", now=NOW)
