"""The two databases that can hold our tables, SQLite and PostgreSQL: how each is reached."""

import os
from enum import StrEnum
from pathlib import Path
from typing import Any

from asyncpg import InterfaceError, PostgresError
from sqlalchemy import Connection, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from signaling.shared.errors import OperatorError

# What asyncpg raises while it connects, which SQLAlchemy lets through as it is.
CONNECT_ERRORS = (OSError, PostgresError, InterfaceError)
_SQLITE = "sqlite+aiosqlite:///"
_CONNECT_SECONDS = 10
_WAIT_SECONDS = 30
_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA foreign_keys = ON",
    # A first start waits for another one that makes the tables, on a slow machine too.
    f"PRAGMA busy_timeout = {_WAIT_SECONDS * 1000}",
    # What is deleted is overwritten, so that a removed account cannot be read from the file.
    "PRAGMA secure_delete = ON",
)
# The number has no meaning but to be ours among the advisory locks of one database.
_ONE_WRITER = "SELECT pg_advisory_xact_lock(5060)"


class Purpose(StrEnum):
    """What a connection is lent for."""

    READ = "read"
    SNAPSHOT = "snapshot"
    WRITE = "write"


def open_engine(url: str) -> AsyncEngine:
    """An engine for the database at `url`; raises OperatorError for a file that cannot be had."""
    if url.startswith(_SQLITE):
        return _sqlite(Path(url.removeprefix(_SQLITE)))
    return _postgresql(make_url(url))


def lending(engine: AsyncEngine, purpose: Purpose) -> AsyncEngine:
    """The engine as it lends connections for one purpose."""
    if engine.dialect.name == "postgresql" and purpose is not Purpose.WRITE:
        level = "AUTOCOMMIT" if purpose is Purpose.READ else "REPEATABLE READ"
        return engine.execution_options(isolation_level=level)
    return engine.execution_options(purpose=purpose)


def shown(url: str) -> str:
    """The database as an operator knows it, without the password."""
    if url.startswith(_SQLITE):
        return url.removeprefix(_SQLITE)
    return make_url(url).render_as_string(hide_password=True)


def make_directory(path: Path) -> None:
    """Make the directory that holds everything we keep, closed to others; raises OperatorError."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise OperatorError(
            f"{path}: cannot be made: {error.strerror}; set data_dir to a writable directory"
        ) from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise OperatorError(
            f"{path}: is not writable by this user; set data_dir to a writable directory"
        )


def _sqlite(file: Path) -> AsyncEngine:
    make_directory(file.parent)
    _touch(file)
    # Not as text: percent signs and question marks belong to the file's name.
    engine = create_async_engine(URL.create("sqlite+aiosqlite", database=str(file)))

    @event.listens_for(engine.sync_engine, "connect")
    def set_up(connection: Any, _record: object) -> None:
        # Python's sqlite3 would begin late, at the first write, and then cannot wait its turn.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in _PRAGMAS:
            cursor.execute(pragma)
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        match connection.get_execution_options().get("purpose"):
            case Purpose.WRITE:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            case Purpose.SNAPSHOT:
                connection.exec_driver_sql("BEGIN DEFERRED")

    return engine


def _touch(file: Path) -> None:
    # SQLite would make the file readable for everybody; its other files take over this mode.
    try:
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise OperatorError(f"{file}: cannot be opened: {error.strerror}") from error


def _postgresql(url: URL) -> AsyncEngine:
    engine = create_async_engine(
        url,
        # The server may have been restarted since a connection was last used.
        pool_pre_ping=True,
        connect_args={"timeout": _CONNECT_SECONDS, "command_timeout": _WAIT_SECONDS},
    )

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        # As in SQLite: writers of all processes go one after the other, so that what a transaction
        # read first (how many phones there are, which token is current) still holds as it writes.
        if connection.get_execution_options().get("purpose") is Purpose.WRITE:
            connection.exec_driver_sql(_ONE_WRITER)

    return engine
