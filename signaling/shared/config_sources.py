"""Where configuration stands: the values of a file and of the environment, as they were found."""

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from signaling.shared.config_keys import KEYS, SECTIONS
from signaling.shared.errors import ConfigError

_PREFIX = "WSPHONE_"


@dataclass(frozen=True, slots=True)
class Given:
    """A value as it was found, and where."""

    value: object
    place: str


def read_file(path: Path) -> dict[str, Given]:
    """The values of a TOML file by their keys, `section.key`; raises ConfigError."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: is not TOML: {error}") from error
    found = {}
    for name, value in _flatten(table, path, ""):
        if name not in KEYS:
            raise ConfigError(f"{path}: {name}: there is no such key{_nearest(name, KEYS)}")
        if KEYS[name].is_path and isinstance(value, str) and value:
            value = str(path.parent / value)
        found[name] = Given(value, f"{path}: {name}")
    return found


def _flatten(table: dict[str, Any], path: Path, section: str) -> Iterator[tuple[str, object]]:
    for key, value in table.items():
        name = section + key
        if isinstance(value, dict):
            yield from _flatten(value, path, f"{name}.")
        elif name in SECTIONS:
            raise ConfigError(f"{path}: {name}: is a section; write [{name}] and its keys below")
        else:
            yield name, value


def read_environment(environment: Mapping[str, str]) -> dict[str, Given]:
    """The values of variables WSPHONE_SECTION__KEY, by `section.key`; raises ConfigError."""
    variables = {_PREFIX + name.upper().replace(".", "__"): name for name in KEYS}
    from_file = {
        f"{variable}_FILE": name for variable, name in variables.items() if KEYS[name].is_secret
    }
    found: dict[str, Given] = {}
    for variable in sorted(environment):
        if not variable.startswith(_PREFIX):
            continue
        name = variables.get(variable) or from_file.get(variable)
        place = f"environment: {variable}"
        if name is None:
            raise ConfigError(f"{place}: there is no such key{_nearest(variable, variables)}")
        if name in found:
            raise ConfigError(f"{place}: is given twice, also without _FILE; keep one")
        text = environment[variable]
        if variable in from_file:
            text = _read_secret(Path(text), place)
        found[name] = Given(_from_text(KEYS[name].kind, text), place)
    return found


def _read_secret(path: Path, place: str) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(f"{place}: {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{place}: {path} is not UTF-8 text") from error


def _from_text(kind: str, text: str) -> object:
    """What TOML would have given for `text`; the text itself where it cannot be that."""
    if kind == "list":
        return [part.strip() for part in text.split(",") if part.strip()]
    try:
        if kind == "integer":
            return int(text)
        if kind == "number":
            return float(text)
    except ValueError:
        pass
    return text


def _nearest(name: str, names: Mapping[str, object]) -> str:
    close = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean {close[0]}?" if close else f"; the keys are {', '.join(names)}"
