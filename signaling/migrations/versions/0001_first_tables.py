"""The first tables: accounts and what is theirs, the bindings of SIP phones, calls and legs."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_accounts()
    _create_belongings()
    _create_history()


def downgrade() -> None:
    for table in (
        "legs",
        "calls",
        "contacts",
        "logins",
        "devices",
        "phones",
        "addresses",
        "accounts",
        "settings",
    ):
        op.drop_table(table)


def _create_accounts() -> None:
    op.create_table(
        "settings",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_settings"),
    )
    op.create_table(
        "accounts",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("domain", sa.Text, nullable=False),
        sa.Column("display_name", sa.Text, nullable=False),
        sa.Column("password_hash", sa.Text, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("is_admin", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_accounts"),
        sa.UniqueConstraint("domain", "name", name="uq_accounts_domain_name"),
    )
    op.create_table(
        "addresses",
        sa.Column("domain", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("domain", "address", name="pk_addresses"),
        _belongs("addresses"),
    )
    op.create_index("ix_addresses_account", "addresses", ["account"])


def _create_belongings() -> None:
    op.create_table(
        "phones",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("ha1_md5", sa.LargeBinary, nullable=False),
        sa.Column("ha1_sha256", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_phones"),
        _belongs("phones"),
    )
    op.create_index("ix_phones_account", "phones", ["account"])
    op.create_table(
        "devices",
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("platform", sa.Text, nullable=False),
        sa.Column("model", sa.LargeBinary, nullable=False),
        sa.Column("os_version", sa.LargeBinary, nullable=False),
        sa.Column("app_version", sa.Text, nullable=False),
        sa.Column("seen_at", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("account", "id", name="pk_devices"),
        _belongs("devices"),
    )
    op.create_table(
        "logins",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("device", sa.Text),
        sa.Column("token_mac", sa.LargeBinary, nullable=False),
        sa.Column("rotated_at", sa.Float, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("expires_at", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_logins"),
        _belongs("logins"),
    )
    op.create_index("ix_logins_account", "logins", ["account"])
    op.create_table(
        "contacts",
        sa.Column("aor", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("snapshot", sa.LargeBinary, nullable=False),
        sa.Column("expires_at", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("aor", "id", name="pk_contacts"),
        _belongs("contacts"),
    )
    op.create_index("ix_contacts_account", "contacts", ["account"])
    op.create_index("ix_contacts_expires_at", "contacts", ["expires_at"])


def _create_history() -> None:
    op.create_table(
        "calls",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("caller", sa.Text),
        sa.Column("callee", sa.Text),
        sa.Column("caller_address", sa.Text, nullable=False),
        sa.Column("callee_address", sa.Text, nullable=False),
        sa.Column("mode", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("code", sa.Integer, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("started_at", sa.Float, nullable=False),
        sa.Column("answered_at", sa.Float),
        sa.Column("ended_at", sa.Float, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_calls"),
        _references("calls", "caller", "accounts", "SET NULL"),
        _references("calls", "callee", "accounts", "SET NULL"),
    )
    op.create_index("ix_calls_caller_started_at", "calls", ["caller", "started_at"])
    op.create_index("ix_calls_callee_started_at", "calls", ["callee", "started_at"])
    op.create_table(
        "legs",
        sa.Column("call", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("endpoint", sa.Text, nullable=False),
        sa.Column("account", sa.Text),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("codec", sa.Text),
        sa.Column("figures", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("call", "id", name="pk_legs"),
        _references("legs", "call", "calls", "CASCADE"),
        _references("legs", "account", "accounts", "CASCADE"),
    )
    op.create_index("ix_legs_account", "legs", ["account"])


def _belongs(table: str) -> sa.ForeignKeyConstraint:
    return _references(table, "account", "accounts", "CASCADE")


def _references(table: str, column: str, other: str, ondelete: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [column], [f"{other}.id"], name=f"fk_{table}_{column}", ondelete=ondelete
    )
