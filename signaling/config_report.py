"""What `wsphone check-config` shows of a configuration: all of it but its secrets."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any
from urllib.parse import urlsplit

from signaling import databases
from signaling.shared.config import Config


def shown(config: Config) -> dict[str, Any]:
    """The values in force, section by section."""
    redis, turn = config.redis.url, config.turn
    return asdict(config) | {
        "secret_key": "given" if config.secret_key else "in data_dir",
        "database": {"url": databases.shown(config.database_url)},
        "turn": asdict(turn) | {"secret": None if turn.secret is None else "given"},
        "redis": {"url": None if redis is None else _without_password(redis)},
    }


def lines(values: Mapping[str, Any], section: str = "") -> Iterator[tuple[str, str]]:
    """Each key by its full name, with its value in words."""
    for key, value in values.items():
        if isinstance(value, dict):
            yield from lines(value, f"{section}{key}.")
        else:
            yield section + key, _plain(value)


def _plain(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(str(each) for each in value) or "none"
    return "none" if value is None else str(value)


def _without_password(url: str) -> str:
    """Redis takes one before the host, and among the options behind the question mark."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
