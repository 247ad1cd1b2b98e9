"""A certificate authority for one house: it signs for this machine, and phones may trust it."""

import ipaddress
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from signaling.databases import make_directory
from signaling.shared.config_values import is_address
from signaling.shared.errors import OperatorError
from signaling.tls import CertificateFiles

_AUTHORITY_DAYS = 3650
# Apple refuses server certificates of more than 825 days, also those of an authority of one's own.
_SERVER_DAYS = 90
_RENEW_DAYS = 30
# Clocks in a house differ; a certificate must not begin in the future of any of them.
_CLOCK_SKEW = timedelta(days=1)

# All that the authority can vouch for. Whoever steals its key can pretend to be a machine of the
# house, and not a bank.
_NETWORKS = tuple(
    ipaddress.ip_network(text)
    for text in (
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16"),
        *("127.0.0.0/8", "::1/128", "fc00::/7", "fe80::/10"),
    )
)
_DOMAINS = ("local", "localhost")
_FOR_SIGNING = x509.KeyUsage(
    key_cert_sign=True,
    crl_sign=True,
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)


@dataclass(frozen=True, slots=True)
class _Pair:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


class LocalAuthority:
    """Keeps an authority and a server certificate in `folder`, and makes what is missing."""

    def __init__(self, folder: Path, *, now: datetime) -> None:
        """Raises OperatorError."""
        make_directory(folder)
        self._pair = _authority(folder, now)
        self.files = CertificateFiles(folder / "server.pem", folder / "server.key")

    @property
    def certificate(self) -> bytes:
        """The authority's certificate in DER, as phones take it."""
        return self._pair.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, as phones show it."""
        return self._pair.certificate.fingerprint(hashes.SHA256()).hex(":").upper()

    def refresh(self, hosts: Sequence[str], *, now: datetime) -> bool:
        """Have a certificate for the hosts that is good for a while yet; whether it is a new one.

        Hosts are names and addresses; those that the authority cannot vouch for are left out.
        Raises OperatorError.
        """
        names = _names(hosts)
        if self._serves(names, now):
            return False
        pair = _sign(
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "WSPhone")]),
            self._pair,
            now,
            days=_SERVER_DAYS,
            extensions=(
                (x509.SubjectAlternativeName(names), False),
                (x509.BasicConstraints(ca=False, path_length=None), True),
                (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
            ),
        )
        _write(self.files, pair)
        return True

    def _serves(self, names: Sequence[x509.GeneralName], now: datetime) -> bool:
        """Whether the certificate that lies there is ours, for these names, and has time left."""
        try:
            pair = _read(self.files)
            found = pair.certificate
            found.verify_directly_issued_by(self._pair.certificate)
            held = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except (OSError, ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
            return False
        if found.public_key() != pair.key.public_key():
            return False
        return set(held) == set(names) and found.not_valid_after_utc - now > timedelta(
            days=_RENEW_DAYS
        )


def can_vouch_for(host: str) -> bool:
    """Whether the host is one of a house's network."""
    if is_address(host):
        address = ipaddress.ip_address(host)
        return any(address in network for network in _NETWORKS)
    return host.rpartition(".")[2] in _DOMAINS


def _authority(folder: Path, now: datetime) -> _Pair:
    """The pair in the folder, made where there is none or it ends before a new server's would."""
    files = CertificateFiles(folder / "ca.pem", folder / "ca.key")
    try:
        if files.key.exists() and files.cert.exists():
            pair = _read(files)
            if pair.certificate.not_valid_after_utc - now > timedelta(days=_SERVER_DAYS):
                return pair
    except (OSError, ValueError) as error:
        raise OperatorError(
            f"{folder}: the local authority cannot be read: {error}; restore the folder, or remove"
            " it to have a new authority made, which every phone has to be told to trust again"
        ) from error
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "WSPhone of this house")])
    subtrees: list[x509.GeneralName] = [x509.IPAddress(network) for network in _NETWORKS]
    subtrees += [x509.DNSName(domain) for domain in _DOMAINS]
    pair = _sign(
        subject,
        None,
        now,
        days=_AUTHORITY_DAYS,
        extensions=(
            (x509.BasicConstraints(ca=True, path_length=0), True),
            (x509.NameConstraints(subtrees, None), True),
            (_FOR_SIGNING, True),
        ),
    )
    _write(files, pair)
    return pair


def _read(files: CertificateFiles) -> _Pair:
    """Raises OSError, and ValueError for what is no such pair."""
    key = serialization.load_pem_private_key(files.key.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("the key is of another kind than was made")
    return _Pair(x509.load_pem_x509_certificate(files.cert.read_bytes()), key)


def _sign(
    subject: x509.Name,
    issuer: _Pair | None,
    now: datetime,
    *,
    days: int,
    extensions: Sequence[tuple[x509.ExtensionType, bool]],
) -> _Pair:
    """A new key and its certificate; without an issuer it signs itself. True means critical."""
    key = ec.generate_private_key(ec.SECP256R1())
    above = issuer.key if issuer is not None else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer is not None else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(above.public_key()), critical=False
        )
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return _Pair(builder.sign(above, hashes.SHA256()), key)


def _names(hosts: Sequence[str]) -> list[x509.GeneralName]:
    return [
        x509.IPAddress(ipaddress.ip_address(host)) if is_address(host) else x509.DNSName(host)
        for host in dict.fromkeys(hosts)
        if can_vouch_for(host)
    ]


def _write(files: CertificateFiles, pair: _Pair) -> None:
    key = pair.key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    _replace(files.key, key)
    _replace(files.cert, pair.certificate.public_bytes(serialization.Encoding.PEM))


def _replace(path: Path, content: bytes) -> None:
    """Put a file in place whole, closed to others; raises OperatorError."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        raise OperatorError(f"{path}: cannot be written: {error.strerror}") from error
