"""TLS for our listeners: one context over a certificate that may be replaced as we run."""

import logging
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from signaling.shared.errors import OperatorError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """A certificate with the chain above it, and its key, both in PEM."""

    cert: Path
    key: Path


class Tls:
    """The context that listeners share; connections that are open keep what they began with."""

    def __init__(self, files: CertificateFiles) -> None:
        """Raises OperatorError for files that do not serve."""
        self._files = files
        self.context = _context(files)

    def reload(self) -> None:
        """Read the files again; what serves now stays when they do not serve."""
        try:
            # A pair that fails half-way would leave the shared context with one file of each.
            _context(self._files)
        except OperatorError as error:
            log.error("the certificate stays as it was: %s", error)
            return
        self.context.load_cert_chain(self._files.cert, self._files.key)
        log.info("the certificate was read again")

    def names(self) -> list[str]:
        """The host names that the certificate is for, without those that have a wildcard."""
        certificate = x509.load_pem_x509_certificate(self._files.cert.read_bytes())
        try:
            found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        except x509.ExtensionNotFound:
            return []
        named = found.value.get_values_for_type(x509.DNSName)
        return [name.lower() for name in named if "*" not in name]


def _context(files: CertificateFiles) -> ssl.SSLContext:
    # Read by ourselves first: what ssl says of a missing file does not say which.
    for key, path in (("tls.cert", files.cert), ("tls.key", files.key)):
        try:
            path.read_bytes()
        except OSError as error:
            raise OperatorError(f"{key}: {path} cannot be read: {error.strerror}") from error
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        # A key with a password would have OpenSSL ask for it at the terminal.
        context.load_cert_chain(files.cert, files.key, password=lambda: b"")
    except (ssl.SSLError, ValueError) as error:
        raise OperatorError(
            f"tls.cert, tls.key: {files.cert} and {files.key} are not a certificate in PEM and"
            f" the key that belongs to it, without a password: {error}"
        ) from error
    return context
