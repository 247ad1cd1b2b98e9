"""The installation's secret keys and what is derived from them: envelopes, signatures, subkeys."""

import hashlib
import hmac
import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from signaling.shared.errors import OperatorError

_KEY_FILE = "secret_key"
_VERSION = b"\x01"
_KEY_ID_LENGTH = 4
_NONCE_LENGTH = 12
_HEADER_LENGTH = len(_VERSION) + _KEY_ID_LENGTH + _NONCE_LENGTH


class Keyring:
    """One or more secrets: the first encrypts and signs, all decrypt and verify."""

    def __init__(self, secret_keys: Sequence[str]) -> None:
        self._secrets = [secret.encode() for secret in secret_keys]
        self._ciphers = {
            _derive(secret, "key id", _KEY_ID_LENGTH): AESGCM(_derive(secret, "envelope", 32))
            for secret in self._secrets
        }
        self._current = next(iter(self._ciphers))
        self._mac_keys: dict[str, list[bytes]] = {}

    def encrypt(self, plain: bytes, *, table: str, row: str, column: str) -> bytes:
        """Seal `plain` for one place in the database; moved elsewhere it does not open."""
        nonce = os.urandom(_NONCE_LENGTH)
        bound_to = _place(table, row, column)
        sealed = self._ciphers[self._current].encrypt(nonce, plain, bound_to)
        return _VERSION + self._current + nonce + sealed

    def decrypt(self, envelope: bytes, *, table: str, row: str, column: str) -> bytes:
        """Open what `encrypt` sealed for this place; raises OperatorError."""
        key_id = envelope[1 : 1 + _KEY_ID_LENGTH]
        nonce = envelope[1 + _KEY_ID_LENGTH : _HEADER_LENGTH]
        cipher = self._ciphers.get(key_id)
        if envelope[:1] != _VERSION or cipher is None:
            raise OperatorError(
                f"{table}.{column} was encrypted under another secret_key: put that key back,"
                " or add it to the list behind the new one"
            )
        try:
            return cipher.decrypt(nonce, envelope[_HEADER_LENGTH:], _place(table, row, column))
        except (InvalidTag, ValueError) as error:
            raise OperatorError(
                f"a value of {table}.{column} is damaged or was copied from another row:"
                " restore the database from a backup"
            ) from error

    def mac(self, purpose: str, data: bytes) -> bytes:
        """HMAC-SHA256 of `data` under a key that serves `purpose` alone."""
        return _hmac(self._keys_for(purpose)[0], data)

    def macs(self, purpose: str, data: bytes) -> list[bytes]:
        """What `mac` says under each of the keys, the first one's first: for look-ups."""
        return [_hmac(key, data) for key in self._keys_for(purpose)]

    def verify(self, purpose: str, data: bytes, mac: bytes) -> bool:
        """Whether `mac` was made by any of the keys, in constant time."""
        return any(hmac.compare_digest(_hmac(key, data), mac) for key in self._keys_for(purpose))

    def subkey(self, purpose: str) -> bytes:
        """32 bytes for `purpose`, the same at every start while the first secret stays."""
        return self._keys_for(purpose)[0]

    def _keys_for(self, purpose: str) -> list[bytes]:
        # HKDF costs some 10 us; purposes are a handful of constants.
        keys = self._mac_keys.get(purpose)
        if keys is None:
            keys = [_derive(secret, f"mac {purpose}", 32) for secret in self._secrets]
            self._mac_keys[purpose] = keys
        return keys


def read_or_make_secret(data_dir: Path) -> str:
    """The secret in data_dir's key file, which the first start makes; raises OperatorError."""
    path = data_dir / _KEY_FILE
    secret = read_or_make_key(path, lambda: secrets.token_urlsafe(32))
    if len(secret) < 32:
        raise OperatorError(f"{path}: is too short for a key: restore the file")
    return secret


def read_or_make_key(path: Path, make: Callable[[], str]) -> str:
    """The text in a key file, which the first start makes; raises OperatorError."""
    try:
        if not path.exists():
            _write_secret(path, make())
        return path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise OperatorError(f"{path}: cannot be read or made: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise OperatorError(f"{path}: is not the key that was made: restore the file") from error


def read_secret(data_dir: Path) -> str | None:
    """As `read_or_make_secret`, but None where there is no key file."""
    return read_or_make_secret(data_dir) if (data_dir / _KEY_FILE).exists() else None


def keep_secret(data_dir: Path, secret: str) -> None:
    """Have the key file hold a secret that was made before; one that is there stays."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_secret(data_dir / _KEY_FILE, secret)
    except OSError as error:
        raise OperatorError(f"{data_dir}: cannot be written: {error.strerror}") from error


def _write_secret(path: Path, secret: str) -> None:
    """Put a key at `path`, unless another process was faster: then the other's stays."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secret + "\n")
            file.flush()
            os.fsync(file.fileno())
        # A link appears whole or not at all, so nobody reads a half-written key.
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _derive(secret: bytes, purpose: str, length: int) -> bytes:
    info = f"wsphone {purpose}".encode()
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=info).derive(secret)


def _hmac(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, hashlib.sha256)


def _place(*parts: str) -> bytes:
    # Lengths go along, so that no two places read the same.
    return b"".join(len(part.encode()).to_bytes(4) + part.encode() for part in parts)
