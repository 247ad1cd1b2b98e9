"""The timelines of calls."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "hops",
        sa.Column("call", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("side", sa.Text, nullable=False),
        sa.Column("leg", sa.Text),
        sa.Column("kind", sa.Text),
        sa.Column("account", sa.Text),
        sa.Column("device", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("detail", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("call", "number", name="pk_hops"),
        sa.ForeignKeyConstraint(["call"], ["calls.id"], name="fk_hops_call", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["account"], ["accounts.id"], name="fk_hops_account", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_hops_account", "hops", ["account"])


def downgrade() -> None:
    op.drop_table("hops")
