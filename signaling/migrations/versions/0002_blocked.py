"""Block lists: who may not ring whom."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "blocked",
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("account", "address", name="pk_blocked"),
        sa.ForeignKeyConstraint(
            ["account"], ["accounts.id"], name="fk_blocked_account", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_blocked_address", "blocked", ["address"])


def downgrade() -> None:
    op.drop_table("blocked")
