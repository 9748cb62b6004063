"""Where the values of settings come from: settings file, its profile, environment, command line.

Every value is kept under its dotted name (`tuning.max_steps`) with its origin, so that an error
and `lamini config show --origin` can say who gave it. What the names may be is told by the caller.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flows.errors import SettingsError
from warehouse.errors import Where
from warehouse.nearest import hint
from warehouse.within import expanded

PREFIX = "LAMINI_"
FILE_NAME = "lamini.toml"
LOCAL = "local"
"""The profile of a settings file that names none; it need not be written."""
PROFILE, PROFILES = "profile", "profiles"
NOT_SETTINGS = (
    *("LAMINI_CONFIG", "LAMINI_PROFILE"),
    *("LAMINI_FAILPOINT", "LAMINI_FAILPOINT_ONCE", "LAMINI_FAILPOINT_VICTIM"),
)
"""Variables with our prefix that mean something else."""

Names = Mapping[str, tuple[str, ...]]
"""The settings there are; of a section the names of its keys, of a plain setting nothing."""

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HEADER = re.compile(r"\s*\[\s*([^\[\]]+?)\s*\]\s*(?:#.*)?")
_KEY = re.compile(r"\s*([\w.\"'-]+)\s*=")


@dataclass(frozen=True, kw_only=True)
class Layers:
    """The values that were given, the strongest of each name, and where each came from."""

    profile: str
    file: Path | None
    """The settings file; null where there is none."""
    values: dict[str, Any] = field(default_factory=dict)
    """By dotted name."""
    origin: dict[str, str] = field(default_factory=dict)

    def nested(self) -> dict[str, Any]:
        """Return the values as a settings file holds them: sections as tables."""
        found: dict[str, Any] = {}
        for name, value in self.values.items():
            section, dot, key = name.partition(".")
            if dot:
                found.setdefault(section, {})[key] = value
            else:
                found[name] = value
        return found

    def put(self, name: str, value: object, origin: str) -> None:
        """Take a value over what weaker layers gave."""
        if name.endswith("_env") and not _VARIABLE.fullmatch(str(value)):
            # The value is not shown: it may be the secret itself.
            raise SettingsError(
                f"{name} in {origin} must be the name of an environment variable that holds the "
                "secret, such as LAMINI_TOKEN, not the secret itself"
            )
        self.values[name] = value
        self.origin[name] = origin


def read_layers(names: Names, given: Mapping[str, object], env: Mapping[str, str]) -> Layers:
    """Read what file, profile, environment and command line (`given`) say, the strongest last.

    Raises:
        SettingsError: a name or the profile is unknown; the message says where it stands.
    """
    path = Path(env.get("LAMINI_CONFIG") or FILE_NAME)
    document = _read(path)
    lines = _lines(path) if document else {}
    profiles = _checked(document, names, path, lines)
    chosen = str(env.get("LAMINI_PROFILE") or document.get(PROFILE) or LOCAL)
    if chosen not in profiles and chosen != LOCAL:
        raise SettingsError(
            f"unknown profile {chosen!r}{hint(chosen, {LOCAL, *profiles}, what='profiles')} "
            f"(a profile is a table [profiles.{chosen}] in {path})"
        )
    layers = Layers(profile=chosen, file=path if path.is_file() else None)
    base = {k: v for k, v in document.items() if k not in (PROFILE, PROFILES)}
    for part, start, kind in (
        (base, "", ""),
        (profiles.get(chosen, {}), f"{PROFILES}.{chosen}.", f" (profile {chosen})"),
    ):
        for name, value in _flat(part, names):
            where = _place(path, lines, start + name) + kind
            layers.put(name, _from_folder(name, value, path), where)
    for name, value in _from_environment(env, names):
        layers.put(name, value, f"environment {_variable(name)}")
    for name, value in given.items():
        if value not in (None, ()):
            layers.put(name, value, "command line")
    return layers


def unknown_variables(environ: Mapping[str, str], names: Names) -> list[str]:
    """List variables with our prefix that set nothing: probably misspelt."""
    known = {_variable(name) for name in names}
    return sorted(
        name
        for name in environ
        if name.startswith(PREFIX) and name not in NOT_SETTINGS and name.split("__")[0] not in known
    )


def _variable(name: str) -> str:
    return PREFIX + name.upper().replace(".", "__")


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        if path != Path(FILE_NAME):
            raise SettingsError(f"LAMINI_CONFIG names {path}, which is not a file")
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError, OSError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}") from error


def _lines(path: Path) -> dict[str, int]:
    """Return the line of each key, as well as can be seen without a parser that keeps lines."""
    found: dict[str, int] = {}
    table = ""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if header := _HEADER.fullmatch(line):
            table = _unquoted(header[1])
            found.setdefault(table, number)
        elif key := _KEY.match(line):
            found.setdefault(f"{table}.{_unquoted(key[1])}".removeprefix("."), number)
    return found


def _place(path: Path, lines: Mapping[str, int], dotted: str) -> str:
    number = _line(lines, dotted)
    return f"{path}:{number}" if number else str(path)


def _line(lines: Mapping[str, int], dotted: str) -> int | None:
    # A key of an inline table stands where the table does.
    return lines.get(dotted) or lines.get(dotted.rpartition(".")[0])


def _unquoted(dotted: str) -> str:
    return ".".join(part.strip().strip("\"'") for part in dotted.split("."))


def _checked(
    document: Mapping[str, Any], names: Names, path: Path, lines: Mapping[str, int]
) -> dict[str, dict[str, Any]]:
    """Return the profiles, after looking at every name in the file, also of profiles not chosen."""
    _check_names({k: v for k, v in document.items() if k != PROFILES}, names, path, lines, "")
    if not isinstance(document.get(PROFILE, LOCAL), str):
        raise SettingsError(
            f"profile={document[PROFILE]!r} in {path} must be the name of a profile"
        )
    profiles = document.get(PROFILES, {})
    if not isinstance(profiles, dict) or not all(isinstance(p, dict) for p in profiles.values()):
        raise SettingsError(f"profiles in {path} must be tables, such as [profiles.cluster]")
    for name, part in profiles.items():
        _check_names(part, names, path, lines, f"{PROFILES}.{name}.")
    return profiles


def _check_names(
    part: Mapping[str, Any], names: Names, path: Path, lines: Mapping[str, int], start: str
) -> None:
    known = {*names} if start else {*names, PROFILE}
    for name, value in part.items():
        if name not in known:
            _refuse(start + name, name, known, path, lines)
        keys = names.get(name, ())
        if keys and not isinstance(value, dict):
            raise SettingsError(
                f"{start}{name}={value!r} in {path} must be a table: [{start}{name}]"
            )
        for key in value if keys else ():
            if key not in keys:
                _refuse(f"{start}{name}.{key}", key, {*keys}, path, lines)


def _refuse(dotted: str, name: str, known: set[str], path: Path, lines: Mapping[str, int]) -> None:
    # Its value is not shown: it may be a secret.
    raise SettingsError(
        f"unknown setting {dotted!r} in {_place(path, lines, dotted)}"
        f"{hint(name, known, what='known settings')}",
        where=Where(file=str(path), line=_line(lines, dotted), setting=dotted),
    )


def _flat(part: Mapping[str, Any], names: Names) -> Iterator[tuple[str, Any]]:
    for name, value in part.items():
        if names.get(name):
            yield from ((f"{name}.{key}", below) for key, below in value.items())
        else:
            yield name, value


def _from_folder(name: str, value: Any, path: Path) -> Any:
    # Paths in a file are meant from where the file lies.
    folder = path.resolve().parent
    if name == "home" and isinstance(value, str):
        return folder / expanded(value)
    if name == "sources" and isinstance(value, list):
        return [folder / source for source in value]
    if name == "gate.golden" and isinstance(value, str) and value:
        return str(folder / expanded(value))
    return value


def _from_environment(env: Mapping[str, str], names: Names) -> Iterator[tuple[str, Any]]:
    for name, keys in names.items():
        start = f"{_variable(name)}__"
        if not keys and env.get(_variable(name)):
            yield name, env[_variable(name)]
        for variable in sorted(v for v in env if keys and v.startswith(start)):
            key = variable.removeprefix(start).lower()
            if key not in keys:
                guess = hint(key, keys, what="known")
                raise SettingsError(
                    f"unknown setting {key!r} in the environment, {variable}{guess}"
                )
            yield f"{name}.{key}", _plain(env[variable])


def _plain(text: str) -> bool | int | float | str:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
