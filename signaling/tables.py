"""The tables of the database, as SQLAlchemy Core describes them."""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

# Constraints need names before a later migration can change them.
metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# One row a fact about the installation: its domain, and a probe that tells a wrong secret_key.
settings = Table(
    "settings",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
)

accounts = Table(
    "accounts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("domain", Text, nullable=False),
    Column("display_name", Text, nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("is_admin", Boolean, nullable=False),
    Column("created_at", Float, nullable=False),
    UniqueConstraint("domain", "name"),
)


def _account(*, primary_key: bool = False) -> Column[str]:
    """The account a row belongs to, and goes with when the account is removed."""
    return Column(
        "account",
        Text,
        ForeignKey("accounts.id", ondelete="CASCADE"),
        primary_key=primary_key,
        nullable=False,
    )


# The user parts that lead to an account: its name, later numbers too.
addresses = Table(
    "addresses",
    metadata,
    Column("domain", Text, primary_key=True),
    Column("address", Text, primary_key=True),
    _account(),
    Index(None, "account"),
)

phones = Table(
    "phones",
    metadata,
    Column("id", Text, primary_key=True),
    _account(),
    Column("name", Text, nullable=False),
    # Encrypted, in lower-case hexadecimal as digests use them.
    Column("ha1_md5", LargeBinary, nullable=False),
    Column("ha1_sha256", LargeBinary, nullable=False),
    Column("created_at", Float, nullable=False),
    Index(None, "account"),
)

devices = Table(
    "devices",
    metadata,
    _account(primary_key=True),
    Column("id", Text, primary_key=True),
    Column("platform", Text, nullable=False),
    # Encrypted: what somebody carries is nobody else's business.
    Column("model", LargeBinary, nullable=False),
    Column("os_version", LargeBinary, nullable=False),
    Column("app_version", Text, nullable=False),
    Column("seen_at", Float, nullable=False),
)

# One row a login; its refresh token rotates in place.
logins = Table(
    "logins",
    metadata,
    Column("id", Text, primary_key=True),
    _account(),
    Column("device", Text),
    Column("token_mac", LargeBinary, nullable=False),
    Column("rotated_at", Float, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Index(None, "account"),
)

# Whose calls an account does not want, as `user@domain`.
blocked = Table(
    "blocked",
    metadata,
    _account(primary_key=True),
    Column("address", Text, primary_key=True),
    Column("created_at", Float, nullable=False),
    # A removed account goes from the lists of others too.
    Index(None, "address"),
)

# The bindings of SIP phones, so that they outlive a restart.
contacts = Table(
    "contacts",
    metadata,
    Column("aor", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    _account(),
    # Encrypted JSON.
    Column("snapshot", LargeBinary, nullable=False),
    Column("expires_at", Float, nullable=False),
    Index(None, "account"),
    Index(None, "expires_at"),
)

# Where the apps of an account are pushed. A row goes with what it rests on: the login that an app
# told it by, or the SIP phone's credential.
push_targets = Table(
    "push_targets",
    metadata,
    Column("id", Text, primary_key=True),
    _account(),
    Column("device", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("login", Text, ForeignKey("logins.id", ondelete="CASCADE")),
    Column("phone", Text, ForeignKey("phones.id", ondelete="CASCADE")),
    Column("provider", Text, nullable=False),
    Column("app", Text, nullable=False),
    # Encrypted JSON, as it holds the tokens.
    Column("sealed", LargeBinary, nullable=False),
    # The tokens are looked up by these: each belongs to one account.
    Column("token_mac", LargeBinary),
    Column("voip_mac", LargeBinary),
    Column("wants_missed", Boolean, nullable=False),
    Column("registered_at", Float, nullable=False),
    Column("last_success_at", Float),
    Column("last_failure_at", Float),
    Column("last_failure_reason", Text),
    UniqueConstraint("token_mac"),
    UniqueConstraint("voip_mac"),
    Index(None, "account"),
    Index(None, "login"),
    Index(None, "phone"),
)

# Claims to a token that stands under another account, until its phone echoes the nonce.
push_proofs = Table(
    "push_proofs",
    metadata,
    Column("id", Text, primary_key=True),
    _account(),
    Column("device", Text, nullable=False),
    Column("login", Text, ForeignKey("logins.id", ondelete="CASCADE"), nullable=False),
    # The claimed target, as in push_targets.
    Column("sealed", LargeBinary, nullable=False),
    Column("wants_missed", Boolean, nullable=False),
    Column("claim_mac", LargeBinary, nullable=False),
    Column("nonce_mac", LargeBinary, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("created_at", Float, nullable=False),
    Index(None, "account"),
    Index(None, "login"),
)


def _party(name: str) -> Column[str]:
    """One side of a call; the other side keeps its history when this one is removed."""
    return Column(name, Text, ForeignKey("accounts.id", ondelete="SET NULL"))


calls = Table(
    "calls",
    metadata,
    Column("id", Text, primary_key=True),
    _party("caller"),
    _party("callee"),
    Column("caller_address", Text, nullable=False),
    Column("callee_address", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("code", Integer, nullable=False),
    Column("by", Text, nullable=False),
    Column("started_at", Float, nullable=False),
    Column("answered_at", Float),
    Column("ended_at", Float, nullable=False),
    Column("seconds", Float, nullable=False),
    Index(None, "caller", "started_at"),
    Index(None, "callee", "started_at"),
)

legs = Table(
    "legs",
    metadata,
    Column("call", Text, ForeignKey("calls.id", ondelete="CASCADE"), primary_key=True),
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("endpoint", Text, nullable=False),
    Column("account", Text, ForeignKey("accounts.id", ondelete="CASCADE")),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("codec", Text),
    Column("figures", JSON, nullable=False),
    Index(None, "account"),
)

# What passed in a call, in order. A hop of an account's own leg goes with the account.
hops = Table(
    "hops",
    metadata,
    Column("call", Text, ForeignKey("calls.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", Float, nullable=False),
    Column("what", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("leg", Text),
    Column("kind", Text),
    Column("account", Text, ForeignKey("accounts.id", ondelete="CASCADE")),
    Column("device", Text),
    Column("reason", Text),
    Column("detail", Text, nullable=False),
    Index(None, "account"),
)


def _voice(name: str) -> Column[str]:
    """One side of a recording, which holds its voice, and goes with either of them."""
    return Column(name, Text, ForeignKey("accounts.id", ondelete="CASCADE"))


# What was recorded of a call; the sound is in a file named by the id. A row without `seconds` is
# being written, or was when the server died.
recordings = Table(
    "recordings",
    metadata,
    Column("id", Text, primary_key=True),
    Column("call", Text, nullable=False),
    # The same, once the call is in the history; then it goes with that.
    Column("history", Text, ForeignKey("calls.id", ondelete="CASCADE")),
    _voice("caller"),
    _voice("callee"),
    Column("started_at", Float, nullable=False),
    Column("seconds", Float),
    # Of the plain bytes.
    Column("size", Integer),
    Column("sealed_key", LargeBinary, nullable=False),
    Index(None, "call"),
    Index(None, "history"),
    Index(None, "caller"),
    Index(None, "callee"),
)
