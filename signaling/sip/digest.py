"""Digest authentication: challenges, credentials and their verification (RFC 7616, RFC 8760)."""

import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from signaling.sip.message import Request, value_of
from signaling.sip.syntax import BadSip, is_quoted, is_token, quote, split_list, unquote
from signaling.sip.uri import Uri

MAX_NONCES = 10_000

# The phones' order of preference is ours: RFC 8760 2.3 has the best first.
_HASHES: dict[str, Callable[[bytes], str]] = {
    "SHA-256": lambda data: hashlib.sha256(data).hexdigest(),
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
}


# These give up at the first challenge that they do not know, wherever it stands, against
# RFC 3261 22.1; they may always choose MD5, so nothing is lost by naming it alone.
_MD5_ONLY = ("baresip v0.", "baresip v1.", "SIPp")


@dataclass(frozen=True, slots=True)
class Credentials:
    """An Authorization header; all values unquoted."""

    username: str
    realm: str
    nonce: str
    uri: str
    response: str
    algorithm: str
    qop: str
    nc: str
    cnonce: str

    @classmethod
    def parse(cls, value: str) -> "Credentials":
        """Raises BadSip for what is no Digest."""
        fields = _fields(value)
        return cls(
            username=fields.get("username", ""),
            realm=fields.get("realm", ""),
            nonce=fields.get("nonce", ""),
            uri=fields.get("uri", ""),
            response=fields.get("response", ""),
            algorithm=fields.get("algorithm", "MD5").upper(),
            qop=fields.get("qop", ""),
            nc=fields.get("nc", ""),
            cnonce=fields.get("cnonce", ""),
        )

    def answer(self, ha1: str, method: str) -> str:
        """What `response` has to be when the secret's hash is `ha1` (RFC 7616 3.4.1)."""
        ha2 = _hash(self.algorithm, method, self.uri)
        return _hash(self.algorithm, ha1, self.nonce, self.nc, self.cnonce, self.qop, ha2)


@dataclass(frozen=True, slots=True)
class Secret:
    """What is stored of one password: its HA1 by each algorithm, in lower-case hex."""

    md5: str
    sha256: str

    @classmethod
    def of(cls, username: str, realm: str, password: str) -> "Secret":
        """The hashes of a password."""
        return cls(
            _hash("MD5", username, realm, password), _hash("SHA-256", username, realm, password)
        )


class Verdict(Enum):
    """What came of credentials."""

    ACCEPTED = "accepted"
    STALE = "stale"
    """The secret may be right but the nonce is used up: challenge again, saying so."""
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Verification:
    """A verdict, and which of the secrets fitted."""

    verdict: Verdict
    matched: int | None = None


class Authenticator:
    """Challenges and verifies for one realm.

    A nonce names its time and is bound to our key and to the host it was given to, so that
    nothing is kept until it was used well; then its highest nc is, for as long as it lives.
    """

    def __init__(
        self,
        realm: str,
        key: bytes,
        new_token: Callable[[], str],
        *,
        nonce_seconds: int = 300,
        max_nonces: int = MAX_NONCES,
    ) -> None:
        self.realm = realm
        self._key = key
        self._new_token = new_token
        self._nonce_seconds = nonce_seconds
        self._max_nonces = max_nonces
        self._used: OrderedDict[str, int] = OrderedDict()
        # Nonces issued up to here and not in `_used` may have been pushed out of it.
        self._forgotten_until = -1

    def challenge(
        self, host: str, now: float, *, stale: bool = False, user_agent: str = ""
    ) -> list[str]:
        """WWW-Authenticate values for a peer at `host`, the best algorithm first."""
        nonce = self._nonce(int(now), self._new_token(), host)
        tail = ", stale=true" if stale else ""
        return [
            f'Digest realm={quote(self.realm)}, qop="auth", nonce="{nonce}", '
            f"algorithm={algorithm}{tail}"
            for algorithm in _HASHES
            if algorithm == "MD5" or not user_agent.startswith(_MD5_ONLY)
        ]

    def credentials(self, request: Request) -> Credentials | None:
        """The request's credentials for this realm; raises BadSip when they are garbled."""
        for line in request.headers.named("authorization"):
            value = value_of(line)
            if value[:7].lower() != "digest ":
                continue
            credentials = Credentials.parse(value)
            if credentials.realm == self.realm:
                return credentials
        return None

    def is_fresh(self, credentials: Credentials, host: str, now: float) -> bool:
        """Whether the nonce is one that we gave this host not long ago; looks nothing up."""
        issued = self._issued_at(credentials.nonce, host)
        return issued is not None and 0 <= int(now) - issued <= self._nonce_seconds

    def verify(
        self,
        credentials: Credentials,
        request: Request,
        host: str,
        now: float,
        secrets: Sequence[Secret],
    ) -> Verification:
        """Hold credentials against every secret the user has."""
        # First of all, so that nobody is refused, and in the end banned, without our nonce.
        issued = self._issued_at(credentials.nonce, host)
        if issued is None or not self.is_fresh(credentials, host, now):
            return Verification(Verdict.STALE)
        if not self._is_fit(credentials, request):
            return Verification(Verdict.REFUSED)
        matched = _matching(credentials, request.method, secrets)
        if matched is None:
            return Verification(Verdict.REFUSED)
        if not self._use(credentials.nonce, int(credentials.nc, 16), issued):
            return Verification(Verdict.STALE)
        return Verification(Verdict.ACCEPTED, matched)

    def _is_fit(self, credentials: Credentials, request: Request) -> bool:
        return (
            credentials.algorithm in _HASHES
            and credentials.qop == "auth"
            and bool(credentials.cnonce)
            and len(credentials.nc) == 8
            and all(digit in "0123456789abcdefABCDEF" for digit in credentials.nc)
            and _same_target(credentials.uri, request)
        )

    def _nonce(self, issued: int, token: str, host: str) -> str:
        text = f"{issued:x}-{token}"
        seal = hmac.new(self._key, f"{text}-{host}".encode(), hashlib.sha256).hexdigest()
        return f"{text}-{seal[:32]}"

    def _issued_at(self, nonce: str, host: str) -> int | None:
        parts = nonce.split("-")
        if len(parts) < 3 or len(parts[0]) > 16 or not nonce.isascii():
            return None
        try:
            issued = int(parts[0], 16)
        except ValueError:
            return None
        expected = self._nonce(issued, "-".join(parts[1:-1]), host)
        return issued if hmac.compare_digest(expected, nonce) else None

    def _use(self, nonce: str, count: int, issued: int) -> bool:
        """Note the count; False when it was used before (RFC 7616 3.4.5)."""
        last = self._used.get(nonce)
        if last is None and issued <= self._forgotten_until:
            return False
        if count <= (last or 0):
            return False
        self._used[nonce] = count
        self._used.move_to_end(nonce)
        if len(self._used) > self._max_nonces:
            oldest, _ = self._used.popitem(last=False)
            self._forgotten_until = max(self._forgotten_until, int(oldest.split("-")[0], 16))
        return True


def claimed_username(request: Request) -> str:
    """Whose credentials a request carries, for whatever realm; empty without any."""
    value = request.headers.first("authorization") or ""
    return _fields(value).get("username", "") if value[:7].lower() == "digest " else ""


def authorization(
    challenge: str,
    username: str,
    password: str,
    method: str,
    uri: str,
    *,
    cnonce: str,
    count: int = 1,
) -> str:
    """The Authorization value that answers a challenge; raises BadSip for one we cannot answer."""
    fields = _fields(challenge)
    algorithm = fields.get("algorithm", "MD5").upper()
    if algorithm not in _HASHES or "auth" not in split_list(fields.get("qop", ""), ","):
        raise BadSip("a challenge of another kind")
    realm, nonce = fields.get("realm", ""), fields.get("nonce", "")
    blank = Credentials(username, realm, nonce, uri, "", algorithm, "auth", f"{count:08x}", cnonce)
    response = blank.answer(_hash(algorithm, username, realm, password), method)
    opaque = f", opaque={quote(fields['opaque'])}" if "opaque" in fields else ""
    return (
        f"Digest username={quote(username)}, realm={quote(realm)}, nonce={quote(nonce)}, "
        f'uri={quote(uri)}, response="{response}", algorithm={algorithm}, qop=auth, '
        f"nc={blank.nc}, cnonce={quote(cnonce)}{opaque}"
    )


def _fields(credentials: str) -> dict[str, str]:
    scheme, _, rest = credentials.partition(" ")
    if scheme.lower() != "digest":
        raise BadSip("not a Digest")
    fields: dict[str, str] = {}
    for part in split_list(rest, ","):
        name, equals, text = part.partition("=")
        name = name.strip().lower()
        if not equals or not is_token(name) or name in fields:
            raise BadSip("malformed credentials")
        value = text.strip()
        if value.startswith('"') and not is_quoted(value):
            raise BadSip("malformed credentials")
        fields[name] = unquote(value)
    return fields


def _hash(algorithm: str, *parts: str) -> str:
    return _HASHES[algorithm](":".join(parts).encode("utf-8", "replace"))


def _matching(credentials: Credentials, method: str, secrets: Sequence[Secret]) -> int | None:
    matched = None
    given = credentials.response.lower().encode("utf-8", "replace")
    for index, secret in enumerate(secrets):
        ha1 = secret.md5 if credentials.algorithm == "MD5" else secret.sha256
        expected = credentials.answer(ha1, method).encode()
        # Every secret is tried, so that the time does not tell which one fitted.
        if hmac.compare_digest(expected, given) and matched is None:
            matched = index
    return matched


def _same_target(uri: str, request: Request) -> bool:
    if uri == request.target:
        return True
    try:
        return Uri.parse(uri).matches(request.uri)
    except BadSip:
        return False
