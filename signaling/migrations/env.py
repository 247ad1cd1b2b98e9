"""How Alembic reaches the database: by the connection that `upgrade` was given."""

from alembic import context

from signaling.tables import metadata

# SQLite changes a column by making the table anew, which Alembic calls a batch.
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
# The transaction is the caller's, so that two first starts at once migrate one after the other.
context.run_migrations()
