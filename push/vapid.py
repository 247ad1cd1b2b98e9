"""Who we are to a push service: VAPID (RFC 8292)."""

from base64 import urlsafe_b64encode
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from py_vapid import Vapid02, VapidException

from signaling.shared.errors import ConfigError

# RFC 8292, section 2: at most a day ahead, so half of one allows for clocks that differ.
_LIFE_SECONDS = 12 * 3600
_REUSE_SECONDS = 6 * 3600
# Wildcards in the list of hosts leave the number of origins to strangers.
_MAX_ORIGINS = 256


@dataclass(frozen=True, slots=True)
class _Header:
    text: str
    made_at: float


class Vapid:
    """Makes the Authorization header; signing is dear, so each origin's is kept for hours."""

    def __init__(self, *, key: bytes, contact: str) -> None:
        """`key` is a P-256 private key in PEM, `contact` a `mailto:` or `https:` URI.

        Raises ConfigError.
        """
        self._signer = Vapid02(_private_key(key))
        self._contact = contact
        self._headers: dict[str, _Header] = {}
        # A contact that services would refuse with every push is better told of at the start.
        self._sign("https://example.org", 0.0)

    @property
    def public_key(self) -> str:
        """The page's `applicationServerKey`, in base64url."""
        point = self._signer.public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return urlsafe_b64encode(point).rstrip(b"=").decode()

    def header(self, origin: str, *, now: float) -> str:
        """The header for one push service; `now` is in Unix seconds."""
        kept = self._headers.get(origin)
        if kept is not None and abs(now - kept.made_at) < _REUSE_SECONDS:
            return kept.text
        self._headers.pop(origin, None)
        if len(self._headers) >= _MAX_ORIGINS:
            del self._headers[next(iter(self._headers))]
        made = self._headers[origin] = _Header(self._sign(origin, now), now)
        return made.text

    def _sign(self, origin: str, now: float) -> str:
        claims = {"aud": origin, "exp": int(now) + _LIFE_SECONDS, "sub": self._contact}
        try:
            header: str = self._signer.sign(claims)["Authorization"]
        except VapidException as error:
            raise ConfigError(
                "push.webpush.contact: is no address such as mailto:admin@example.org"
            ) from error
        return header


def _private_key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise ConfigError("the VAPID key is no private key in PEM without a password") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise ConfigError("the VAPID key is not on the curve P-256")
    return key
