"""The schema's history: `upgrade` brings a database of any earlier version up to this one."""

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from signaling.shared.errors import OperatorError


def upgrade(connection: Connection) -> bool:
    """Migrate within the connection's transaction; returns whether the database was empty.

    Raises OperatorError when a newer version of this program wrote the database.
    """
    config = _config()
    config.attributes["connection"] = connection
    script = ScriptDirectory.from_config(config)
    found = MigrationContext.configure(connection).get_current_revision()
    if found == script.get_current_head():
        return False
    if found is not None and not knows(found):
        raise OperatorError(
            f"the database was written by a newer wsphone (its schema is {found}):"
            " install that version again, or restore a backup made before the upgrade"
        )
    command.upgrade(config, "head")
    return found is None


def head() -> str:
    """The newest revision."""
    return str(ScriptDirectory.from_config(_config()).get_current_head())


def knows(revision: str) -> bool:
    """Whether the revision is the newest or one before it."""
    script = ScriptDirectory.from_config(_config())
    return revision in {known.revision for known in script.walk_revisions()}


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "signaling:migrations")
    return config
