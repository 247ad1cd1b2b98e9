"""Recordings of calls."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "recordings",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("call", sa.Text, nullable=False),
        sa.Column("history", sa.Text),
        sa.Column("caller", sa.Text),
        sa.Column("callee", sa.Text),
        sa.Column("started_at", sa.Float, nullable=False),
        sa.Column("seconds", sa.Float),
        sa.Column("size", sa.Integer),
        sa.Column("sealed_key", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_recordings"),
        sa.ForeignKeyConstraint(
            ["history"], ["calls.id"], name="fk_recordings_history", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["caller"], ["accounts.id"], name="fk_recordings_caller", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["callee"], ["accounts.id"], name="fk_recordings_callee", ondelete="CASCADE"
        ),
    )
    for column in ("call", "history", "caller", "callee"):
        op.create_index(f"ix_recordings_{column}", "recordings", [column])


def downgrade() -> None:
    op.drop_table("recordings")
