"""A PostgreSQL server of the tests' own: made for the session, gone with it."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

# PostgreSQL refuses to run as root; Debian's package brings this user.
SYSTEM_USER = "postgres"
OWNER = "wsphone"
# What a crash would lose is nothing that a test needs.
OPTIONS = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c shared_buffers=16MB"
SECONDS = 30
EMPTY = """
DO $$ DECLARE names text; BEGIN
    SELECT string_agg(quote_ident(tablename), ', ') INTO names FROM pg_tables
        WHERE schemaname = 'public' AND tablename <> 'alembic_version';
    IF names IS NOT NULL THEN EXECUTE 'TRUNCATE ' || names; END IF;
END $$
"""


class PostgresServer:
    """A running server that is reached by a socket in its folder alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._numbers = count(1)
        self._emptied: str | None = None
        self._system_user = SYSTEM_USER if os.geteuid() == 0 else None

    def start(self) -> None:
        if self._system_user is not None:
            known = pwd.getpwnam(self._system_user)
            os.chown(self.folder, known.pw_uid, known.pw_gid)
        self._run("initdb", "--auth=trust", f"--username={OWNER}", "--no-sync", "--locale=C.UTF-8")
        listening = f"-k {self.folder} -c listen_addresses='' {OPTIONS}"
        log = str(self.folder / "log")
        self._run("pg_ctl", "--wait", "--silent", f"--log={log}", "-o", listening, "start")

    def stop(self) -> None:
        self._run("pg_ctl", "--wait", "--silent", "--mode=immediate", "stop")

    def new_database(self) -> str:
        """The URL of a database that nobody has used."""
        name = f"test{next(self._numbers)}"
        self._run("psql", "--quiet", "--dbname=postgres", f"--command=CREATE DATABASE {name}")
        return self.url(name)

    def emptied_database(self) -> str:
        """The URL of the one that most tests use in turn; its tables stay."""
        if self._emptied is None:
            self._emptied = self.new_database()
        name = self._emptied.partition("@/")[2].partition("?")[0]
        self._run("psql", "--quiet", f"--dbname={name}", f"--command={EMPTY}")
        return self._emptied

    def url(self, database: str) -> str:
        return f"postgresql+asyncpg://{OWNER}@/{database}?host={self.folder}"

    def drop(self, url: str) -> None:
        """Take a database away from whoever uses it."""
        command = f"DROP DATABASE {url.partition('@/')[2].partition('?')[0]} WITH (FORCE)"
        self._run("psql", "--quiet", "--dbname=postgres", f"--command={command}")

    def _run(self, program: str, *arguments: str) -> bytes:
        environment = {
            "PATH": os.environ["PATH"],
            "PGDATA": str(self.folder / "data"),
            "PGHOST": str(self.folder),
            "PGUSER": OWNER,
        }
        done = subprocess.run(
            (str(_folder_of_programs() / program), *arguments),
            cwd=self.folder,
            env=environment,
            user=self._system_user,
            # A server that goes on would hold a pipe open.
            stdout=subprocess.DEVNULL if program == "pg_ctl" else subprocess.PIPE,
            stderr=subprocess.DEVNULL if program == "pg_ctl" else subprocess.STDOUT,
            timeout=SECONDS,
            check=False,
        )
        if done.returncode != 0:
            log = self.folder / "log"
            told = done.stdout or (log.read_bytes() if log.exists() else b"")
            raise RuntimeError(f"{program} failed: {told.decode(errors='replace')[-2000:]}")
        return done.stdout or b""


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    # Not among pytest's directories, which the server's user may not enter.
    folder = Path(tempfile.mkdtemp(prefix="wsphone-pg-"))
    server = PostgresServer(folder)
    try:
        server.start()
        yield server
    finally:
        if (folder / "data" / "postmaster.pid").exists():
            server.stop()
        shutil.rmtree(folder)


def _folder_of_programs() -> Path:
    """Debian keeps them out of the PATH, a folder for each version."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name)
    )
    if not found:
        raise RuntimeError("PostgreSQL is not installed: run tests/install-needs")
    return found[-1]
