"""Push targets, and proofs that a phone is whose it is said to be."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "push_targets",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("device", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("login", sa.Text),
        sa.Column("phone", sa.Text),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("app", sa.Text, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("token_mac", sa.LargeBinary),
        sa.Column("voip_mac", sa.LargeBinary),
        sa.Column("wants_missed", sa.Boolean, nullable=False),
        sa.Column("registered_at", sa.Float, nullable=False),
        sa.Column("last_success_at", sa.Float),
        sa.Column("last_failure_at", sa.Float),
        sa.Column("last_failure_reason", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_push_targets"),
        sa.UniqueConstraint("token_mac", name="uq_push_targets_token_mac"),
        sa.UniqueConstraint("voip_mac", name="uq_push_targets_voip_mac"),
        _goes_with("push_targets", "account", "accounts"),
        _goes_with("push_targets", "login", "logins"),
        _goes_with("push_targets", "phone", "phones"),
    )
    for column in ("account", "login", "phone"):
        op.create_index(f"ix_push_targets_{column}", "push_targets", [column])
    op.create_table(
        "push_proofs",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("device", sa.Text, nullable=False),
        sa.Column("login", sa.Text, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("wants_missed", sa.Boolean, nullable=False),
        sa.Column("claim_mac", sa.LargeBinary, nullable=False),
        sa.Column("nonce_mac", sa.LargeBinary, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_push_proofs"),
        _goes_with("push_proofs", "account", "accounts"),
        _goes_with("push_proofs", "login", "logins"),
    )
    for column in ("account", "login"):
        op.create_index(f"ix_push_proofs_{column}", "push_proofs", [column])


def downgrade() -> None:
    op.drop_table("push_proofs")
    op.drop_table("push_targets")


def _goes_with(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [column], [f"{other}.id"], name=f"fk_{table}_{column}", ondelete="CASCADE"
    )
