"""The configuration: defaults, file, environment, `--set` and dedicated options, each over the one before."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from virtpulse.config.convert import read_struct, require_table
from virtpulse.config.layers import CONFIG_VARIABLE, Layer, from_arguments, from_environment, from_file
from virtpulse.config.refusals import refuse_unknown
from virtpulse.config.settings import Settings

SettingsTypes = Mapping[str, Mapping[str, Callable[[], type[msgspec.Struct]]]]
Lifted = Mapping[str, tuple[str, str]]

S = TypeVar("S", bound=msgspec.Struct)

_HERE: Final = Path("virtpulse.toml")


@dataclass(frozen=True, slots=True)
class Origin:
    """What the command line sets: the file, the `KEY=VALUE` of each `--set`, the values of dedicated options by dotted key."""

    file: Path | None = None
    assignments: Sequence[str] = ()
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Configuration:
    """All settings, checked. `file` is what was read, None where there was none.

    `roles` holds the settings of the roles that the configuration names, by section (`producers` ...) and name.
    """

    settings: Settings
    roles: Mapping[str, Mapping[str, msgspec.Struct]]
    file: Path | None

    def role(self, section: str, name: str, kind: type[S]) -> S:
        """Return a role's settings: its defaults where the configuration does not name it."""
        present = self.roles.get(section, {}).get(name, kind())
        if not isinstance(present, kind):
            msg = f"{section}.{name} was read as {type(present).__name__}, not as {kind.__name__}"
            raise TypeError(msg)
        return present


def load(
    origin: Origin, types: SettingsTypes, environ: Mapping[str, str] | None = None, *, lifted: Lifted | None = None
) -> Configuration:
    """Read the configuration. `types` gives for each section the roles' names and the types of their settings.

    lifted: fields of roles that users write at the top, as `[[rules]]`, each with the section and name of its role.
    Raises UsageError that names the key, the place, what was found and what is allowed.
    """
    variables = os.environ if environ is None else environ
    path = _find(origin.file, variables)
    merged = from_file(path) if path else Layer()
    owners = {name: role for name, role in (lifted or {}).items() if role[1] in types.get(role[0], {})}
    tops = [*(item.encode_name for item in msgspec.structs.fields(Settings)), *owners]
    tables = [(section, name) for section, names in types.items() for name in names]
    merged.lay(from_environment(variables, tops, tables))
    merged.lay(from_arguments(origin.assignments))
    merged.lay(_from_options(origin.options))
    tree = dict(merged.tree)
    sections = {section: tree.pop(section, {}) for section in types}
    above: dict[tuple[str, str], dict[str, object | UnsetType]] = {}
    for name, role in owners.items():
        above.setdefault(role, {})[name] = tree.pop(name, UNSET)
    known = [*tops, *types]
    for name in tree:
        if name not in known:
            refuse_unknown(merged, (name,), known)
    roles = {section: _read_roles(merged, section, table, types[section], above) for section, table in sections.items()}
    return Configuration(read_struct(Settings, merged, (), tree), roles, path)


def _read_roles(
    layer: Layer,
    section: str,
    value: object,
    types: Mapping[str, Callable[[], type[msgspec.Struct]]],
    above: Mapping[tuple[str, str], Mapping[str, object | UnsetType]],
) -> dict[str, msgspec.Struct]:
    """Return the settings of the roles that the configuration names, if only by a field that stands above."""
    tables = dict(require_table(layer, (section,), value))
    for (place, name), fields in above.items():
        if place == section and any(field is not UNSET for field in fields.values()):
            tables.setdefault(name, {})
    roles: dict[str, msgspec.Struct] = {}
    for name, table in tables.items():
        path = (section, name)
        if name not in types:
            refuse_unknown(layer, path, types)
        roles[name] = read_struct(types[name](), layer, path, require_table(layer, path, table), above.get(path, {}))
    return roles


def _find(file: Path | None, environ: Mapping[str, str]) -> Path | None:
    if file is not None:
        return file
    named = environ.get(CONFIG_VARIABLE)
    if named:
        return Path(named)
    return _HERE if _HERE.exists() else None


def _from_options(options: Mapping[str, Any]) -> Layer:
    layer = Layer()
    for key, value in options.items():
        path = tuple(key.split("."))
        layer.put(path, value, "command line")
    return layer
