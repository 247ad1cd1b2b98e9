"""Files of which no plain byte reaches the disk: chunks of AES-GCM, in their order, to their end.

Each chunk's nonce is its number and whether it is the last one (the STREAM construction, "Online
Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance", section 7). So a chunk that was
changed, moved, left out or added does not open, a file without its last chunk is known to be cut,
and a chunk that was given up half-way shares no nonce with the end. A key serves one file alone.
What a crash leaves is whole chunks, which `mend` makes a file of.
"""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from signaling.shared.errors import OperatorError

KEY_BYTES = 32
CHUNK_BYTES = 4096
_TAG_BYTES = 16
_SEALED_BYTES = CHUNK_BYTES + _TAG_BYTES
_MAGIC = b"wsphone sealed 1"


class SealedWriter:
    """Writes one new file, for this user alone; locked until it is closed.

    Everything raises OSError when the disk does; what was written before stays readable.
    """

    def __init__(self, path: str | Path, key: bytes) -> None:
        self._cipher = AESGCM(key)
        self._pending = bytearray()
        self._chunks = 0
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _write_all(self._file, _MAGIC)
        except OSError:
            self.close()
            os.unlink(path)
            raise

    @property
    def size(self) -> int:
        """The plain bytes so far, those that wait in memory too."""
        return self._chunks * CHUNK_BYTES + len(self._pending)

    def write(self, plain: bytes) -> None:
        """Append; up to a chunk waits in memory for more."""
        self._pending += plain
        while len(self._pending) >= CHUNK_BYTES:
            self._put(self._pending[:CHUNK_BYTES], last=False)
            self._chunks += 1
            del self._pending[:CHUNK_BYTES]

    def finish(self) -> None:
        """Write the end, without which the file counts as cut, and have it on the disk."""
        self._put(self._pending, last=True)
        os.fsync(self._file)

    def drop_pending(self) -> None:
        """Give up what is not written yet, and what was written of it, so that `finish` may do.

        Not after a `finish` that failed: that would seal two things with one nonce.
        """
        self._pending.clear()
        os.ftruncate(self._file, len(_MAGIC) + self._chunks * _SEALED_BYTES)
        os.lseek(self._file, 0, os.SEEK_END)

    def close(self) -> None:
        """Let go of the file; no error if that was done."""
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)

    def _put(self, plain: bytes | bytearray, *, last: bool) -> None:
        nonce = _nonce(self._chunks, last=last)
        _write_all(self._file, self._cipher.encrypt(nonce, bytes(plain), _MAGIC))


class SealedReader:
    """Reads a finished file from any place; OperatorError for one that is damaged or cut."""

    def __init__(self, path: str | Path, key: bytes) -> None:
        self._path = path
        self._cipher = AESGCM(key)
        try:
            size = os.stat(path).st_size - len(_MAGIC)
        except OSError as error:
            raise OperatorError(f"{path}: cannot be read: {error.strerror}") from error
        self._chunks, rest = divmod(size, _SEALED_BYTES)
        if size < 0 or rest < _TAG_BYTES:
            raise OperatorError(f"{path}: is cut: its end is missing")
        self.size = self._chunks * CHUNK_BYTES + rest - _TAG_BYTES
        # Before anything is given out: a file that was cut at a chunk's end is noticed here.
        self._last = self._open(self._chunks, rest)

    def read(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The plain bytes from `start` to before `end`, piece by piece."""
        end = self.size if end is None else min(end, self.size)
        for number in range(start // CHUNK_BYTES, -(-end // CHUNK_BYTES)):
            first = number * CHUNK_BYTES
            is_last = number == self._chunks
            plain = self._last if is_last else self._open(number, _SEALED_BYTES)
            yield plain[max(start - first, 0) : end - first]

    def _open(self, number: int, size: int) -> bytes:
        try:
            with open(self._path, "rb") as file:
                file.seek(len(_MAGIC) + number * _SEALED_BYTES)
                sealed = file.read(size)
            return self._cipher.decrypt(_nonce(number, last=size < _SEALED_BYTES), sealed, _MAGIC)
        except OSError as error:
            raise OperatorError(f"{self._path}: cannot be read: {error.strerror}") from error
        except (InvalidTag, ValueError) as error:
            raise OperatorError(
                f"{self._path}: is damaged, or was cut: restore it from a backup"
            ) from error


def mend(path: str | Path, key: bytes) -> bool:
    """Give a file that its writer did not live to finish its end; False while somebody writes it.

    Whatever does not open is left out, to the end. Raises OSError.
    """
    cipher = AESGCM(key)
    with open(path, "r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        if file.read(len(_MAGIC)) != _MAGIC:
            file.seek(0)
            file.truncate()
            file.write(_MAGIC)
        chunks = 0
        while len(sealed := file.read(_SEALED_BYTES)) == _SEALED_BYTES:
            if not _opens(cipher, chunks, sealed):
                break
            chunks += 1
        if len(sealed) == _SEALED_BYTES or not _opens(cipher, chunks, sealed):
            file.seek(len(_MAGIC) + chunks * _SEALED_BYTES)
            file.truncate()
            file.write(cipher.encrypt(_nonce(chunks, last=True), b"", _MAGIC))
            file.flush()
            os.fsync(file.fileno())
    return True


def _opens(cipher: AESGCM, number: int, sealed: bytes) -> bool:
    try:
        cipher.decrypt(_nonce(number, last=len(sealed) < _SEALED_BYTES), sealed, _MAGIC)
    except (InvalidTag, ValueError):
        return False
    return True


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11) + bytes([last])


def _write_all(file: int, data: bytes) -> None:
    while data:
        data = data[os.write(file, data) :]
