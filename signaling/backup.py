"""Backups: everything that the database holds in one file, and back into an empty one."""

import base64
import gzip
import os
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby, islice
from pathlib import Path
from typing import Any, BinaryIO, cast

import msgspec
from sqlalchemy import LargeBinary, Table, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from signaling import migrations
from signaling.shared.config import Config
from signaling.shared.crypto import Keyring, keep_secret, read_secret
from signaling.shared.errors import OperatorError
from signaling.shared.keys import keyring_of
from signaling.store import Store, check_probe
from signaling.tables import accounts, metadata, settings

FORMAT = 1
# What comes of reading a file that somebody cut, changed or never got from us.
_DAMAGED = (EOFError, gzip.BadGzipFile, zlib.error, KeyError, TypeError, ValueError)
_BATCH = 500
# Far beyond any row of ours.
_MAX_LINE = 1024 * 1024
# The facts about the installation come first: they tell whether the rest can be read here.
_TABLES = [settings, *(table for table in metadata.sorted_tables if table is not settings)]

Row = dict[str, Any]


class _Header(msgspec.Struct):
    """The first line. What is encrypted in the rows stays so, under the installation's key."""

    wsphone_backup: int
    schema: str
    domain: str
    made_at: float
    secret_key: str | None = None


class _Line(msgspec.Struct, omit_defaults=True):
    """A row of a table, bytes as Base64; or the last line, which counts the rows."""

    table: str | None = None
    row: Row = {}
    rows: int = 0


async def write_backup(config: Config, path: Path, *, with_key: bool) -> int:
    """Write all rows, as they are at one moment, to a new file; returns how many there are.

    The server may run meanwhile. Raises OperatorError.
    """
    if with_key and config.secret_key:
        raise OperatorError(
            "--with-key: the secret_key is in your configuration, not in data_dir: keep a copy of"
            " it apart from the backup, and leave --with-key out"
        )
    store = await Store.open(config.database_url, domain=config.domain, keyring=keyring_of(config))
    try:
        key = read_secret(config.data_dir) if with_key else None
        header = _Header(FORMAT, migrations.head(), config.domain, time.time(), key)
        with _new_file(path) as file:
            file.write(msgspec.json.encode(header) + b"\n")
            async with store.snapshot() as connection:
                count = await _write_rows(connection, file)
            file.write(msgspec.json.encode(_Line(rows=count)) + b"\n")
        return count
    finally:
        await store.close()


async def restore_backup(config: Config, path: Path) -> int:
    """Fill a store without accounts from a backup, wholly or not at all; returns the rows' number.

    Raises OperatorError.
    """
    with _open_file(path) as file:
        header = _read_header(path, file, config)
        keyring = _keyring(path, header, config)
        rows = _read_rows(path, file)
        own = {row["name"]: row["value"] for table, row in islice(rows, 2) if table is settings}
        if "probe" not in own:
            raise OperatorError(f"{path}: is damaged: what it begins with is missing")
        check_probe(own, keyring)
        if header.secret_key is not None and not config.secret_key:
            keep_secret(config.data_dir, header.secret_key)
        store = await Store.open(config.database_url, domain=config.domain, keyring=keyring)
        try:
            async with store.begin() as connection:
                if await connection.scalar(select(func.count()).select_from(accounts)):
                    raise OperatorError(
                        "there are accounts here already: restore into an empty database, so that"
                        " nobody's data is overwritten"
                    )
                return len(own) + await _insert_rows(connection, rows)
        finally:
            await store.close()


async def _write_rows(connection: AsyncConnection, file: BinaryIO) -> int:
    count = 0
    for table in _TABLES:
        async with connection.stream(select(table)) as result:
            async for row in result.mappings():
                # SQLAlchemy's names are not quite strings; bytes become Base64 on the way.
                line = _Line(str(table.name), {str(name): row[name] for name in row})
                file.write(msgspec.json.encode(line) + b"\n")
                count += 1
    return count


async def _insert_rows(connection: AsyncConnection, rows: Iterator[tuple[Table, Row]]) -> int:
    count = 0
    for table, of_table in groupby(rows, key=lambda each: each[0]):
        while batch := [row for _, row in islice(of_table, _BATCH)]:
            await connection.execute(insert(table), batch)
            count += len(batch)
    return count


def _read_header(path: Path, file: BinaryIO, config: Config) -> _Header:
    try:
        header = msgspec.json.decode(file.readline(_MAX_LINE), type=_Header)
    except _DAMAGED as error:
        raise OperatorError(f"{path}: is not a backup made by wsphone backup") from error
    if header.wsphone_backup != FORMAT or not migrations.knows(header.schema):
        raise OperatorError(f"{path}: was made by a newer wsphone: restore it with that version")
    if header.domain != config.domain:
        raise OperatorError(
            f"{path}: is of the domain {header.domain}, and domain is {config.domain} here: every"
            f" address and SIP secret belongs to {header.domain}; set domain to it"
        )
    return header


def _keyring(path: Path, header: _Header, config: Config) -> Keyring:
    """The key of here where there is one, or else the backup's."""
    if config.secret_key:
        return Keyring(config.secret_key)
    found = read_secret(config.data_dir) or header.secret_key
    if found is None:
        raise OperatorError(
            f"{path}: does not hold the secret_key that it was made under: put the file secret_key"
            f" of the old data_dir into {config.data_dir} first, or set secret_key"
        )
    return Keyring([found])


def _read_rows(path: Path, file: BinaryIO) -> Iterator[tuple[Table, Row]]:
    """Every row with its table; raises OperatorError when the file was cut short or changed."""
    count = 0
    decoder = msgspec.json.Decoder(_Line)
    try:
        while (line := decoder.decode(file.readline(_MAX_LINE))).table is not None:
            table = metadata.tables[line.table]
            yield table, _decoded(table, line.row)
            count += 1
        if line.rows == count and not file.read(1):
            return
    except _DAMAGED as error:
        raise OperatorError(f"{path}: is damaged: {error}") from error
    raise OperatorError(f"{path}: is damaged: {line.rows} rows were written, {count} are there")


def _decoded(table: Table, row: Row) -> Row:
    """The row with its bytes as bytes again."""
    return {
        name: base64.b64decode(value, validate=True)
        if isinstance(table.c[name].type, LargeBinary) and value is not None
        else value
        for name, value in row.items()
    }


@contextmanager
def _new_file(path: Path) -> Iterator[BinaryIO]:
    """A compressed file for this user alone; it stays only when all of it was written."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise OperatorError(f"{path}: cannot be made: {error.strerror}") from error
    try:
        with os.fdopen(descriptor, "wb") as file, gzip.GzipFile("", "wb", fileobj=file) as packed:
            yield cast(BinaryIO, packed)
    except OSError as error:
        path.unlink()
        raise OperatorError(f"{path}: cannot be written: {error.strerror}") from error
    except BaseException:
        path.unlink()
        raise


@contextmanager
def _open_file(path: Path) -> Iterator[BinaryIO]:
    try:
        with gzip.open(path, "rb") as file:
            yield cast(BinaryIO, file)
    except OSError as error:
        raise OperatorError(f"{path}: cannot be read: {error.strerror}") from error
