"""The keys of an installation: given in the configuration, or made at the first start."""

import base64

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from signaling.shared.config import Config
from signaling.shared.crypto import Keyring, read_or_make_key, read_or_make_secret
from signaling.shared.errors import OperatorError

_WEBPUSH_FILE = "webpush_key.pem"


def keyring_of(config: Config) -> Keyring:
    """The configured keys, or else the one in data_dir; raises OperatorError."""
    if config.secret_key:
        return Keyring(config.secret_key)
    if config.is_database_shared:
        # Each machine would make a key of its own, and none could read what another one wrote.
        raise OperatorError(
            "secret_key: is needed with PostgreSQL, the same for every machine that uses the"
            " database; make one with openssl rand -base64 33, set WSPHONE_SECRET_KEY_FILE to the"
            " file that holds it, and keep a copy apart from the database"
        )
    return Keyring([read_or_make_secret(config.data_dir)])


class WebpushKey:
    """The key that names this server to push services (VAPID, RFC 8292)."""

    def __init__(self, pem: str, *, source: str) -> None:
        """Raises OperatorError, which names the source."""
        try:
            key = load_pem_private_key(pem.encode(), password=None)
        except (ValueError, TypeError) as error:
            raise OperatorError(f"{source}: is not a private key in PEM") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
            raise OperatorError(f"{source}: is not a key of the curve P-256")
        self.pem = pem.encode()
        self._public = key.public_key()

    @property
    def public(self) -> str:
        """What browsers subscribe with: the uncompressed point in base64url."""
        point = self._public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return base64.urlsafe_b64encode(point).rstrip(b"=").decode()


def webpush_key_of(config: Config) -> WebpushKey:
    """The configured key, or else the one in data_dir; raises OperatorError."""
    path = config.push.webpush.key_file
    if path is None:
        path = config.data_dir / _WEBPUSH_FILE
        return WebpushKey(read_or_make_key(path, _new_key), source=str(path))
    try:
        pem = path.read_text(encoding="ascii")
    except OSError as error:
        raise OperatorError(
            f"push.webpush.key_file: {path} cannot be read: {error.strerror}"
        ) from error
    except UnicodeDecodeError as error:
        raise OperatorError(f"push.webpush.key_file: {path} is not a private key in PEM") from error
    return WebpushKey(pem, source=f"push.webpush.key_file: {path}")


def _new_key() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode().strip()
