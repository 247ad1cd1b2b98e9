"""STUN checks of ICE (RFC 8489), told from anybody else's before they cost anything."""

import hashlib
import hmac
import struct

MAX_ATTRIBUTES = 32

_HEADER = struct.Struct("!HHI12s")
_ATTRIBUTE = struct.Struct("!HH")
_COOKIE = 0x2112A442
_REQUEST, _RESPONSE, _ERROR = 0x0001, 0x0101, 0x0111
_USERNAME, _INTEGRITY = 0x0006, 0x0008
_INTEGRITY_SIZE = 20


def transaction_of_answer(data: bytes) -> bytes | None:
    """The transaction of a Binding response or error; None for all else."""
    header = _header(data)
    return header[1] if header is not None and header[0] in (_RESPONSE, _ERROR) else None


def is_check(data: bytes, ufrag: str, password: str) -> bool:
    """Whether it is a Binding request of who knows our password (RFC 8489, section 9.1.3).

    The name is compared before anything is computed: whoever does not know it costs a few
    comparisons, whoever does not know the password one HMAC.
    """
    header = _header(data)
    if header is None or header[0] != _REQUEST:
        return False
    named = False
    offset = _HEADER.size
    for _ in range(MAX_ATTRIBUTES):
        if offset + _ATTRIBUTE.size > len(data):
            return False
        kind, size = _ATTRIBUTE.unpack_from(data, offset)
        start = offset + _ATTRIBUTE.size
        if kind == _USERNAME:
            named = data[start : start + size].startswith(f"{ufrag}:".encode())
        elif kind == _INTEGRITY:
            return named and size == _INTEGRITY_SIZE and _is_signed(data, offset, password)
        offset = start + size + -size % 4
    return False


def _header(data: bytes) -> tuple[int, bytes] | None:
    """The message's type and transaction; None for what is not one whole message."""
    if len(data) < _HEADER.size:
        return None
    kind, length, cookie, transaction = _HEADER.unpack_from(data)
    whole = cookie == _COOKIE and length % 4 == 0 and len(data) == _HEADER.size + length
    return (kind, transaction) if whole else None


def _is_signed(data: bytes, offset: int, password: str) -> bool:
    """Whether the MESSAGE-INTEGRITY at `offset` is right; the length it covers ends with it."""
    length = offset + _ATTRIBUTE.size + _INTEGRITY_SIZE - _HEADER.size
    signed = data[:2] + length.to_bytes(2, "big") + data[4:offset]
    given = data[offset + _ATTRIBUTE.size :][:_INTEGRITY_SIZE]
    return hmac.compare_digest(hmac.digest(password.encode(), signed, hashlib.sha1), given)
