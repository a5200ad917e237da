"""`virtpulse check`."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec
import orjson
from cyclopts import App

from virtpulse import wiring
from virtpulse.cli.common import Common, configured
from virtpulse.cli.executing import connected, execute
from virtpulse.cli.previewing import previewed, rule_lines
from virtpulse.cli.printing import prints_json, put_lines
from virtpulse.clock import SystemClock
from virtpulse.config.load import Configuration
from virtpulse.config.secrets import Secret
from virtpulse.errors import UsageError, VirtpulseError
from virtpulse.printable import printable
from virtpulse.redaction import redact
from virtpulse.units import Duration, Size

app = App(name="check")


@app.default
def check(*, json: bool = False, common: Common | None = None) -> int:
    """Read the configuration, try the transport, say what `virtpulse up` would run with which settings.

    Of each rule it says what it matches in the last minutes of data and whether it would fire. A rule on a metric that nobody
    knows is a warning.

    It exits with 1 if the transport does not answer, with 2 if the configuration is wrong. Secrets are not shown.

    **Example**

    `virtpulse check --config virtpulse.toml`

    Args:
        json: Print one JSON document; by itself where standard output is no terminal.
        common: The options of every command.
    """
    configuration = configured(common or Common())
    roles = wiring.chosen(configuration)
    fault = _fault(configuration, roles)
    preview = None if fault else execute(previewed(configuration))
    report = {
        "configuration": None if configuration.file is None else str(configuration.file.absolute()),
        "transport": redact(configuration.settings.transport),
        "fault": fault,
        "up": roles,
        "left_out": wiring.left_out(configuration, roles),
        "settings": _settings(configuration, roles),
        "rules": [] if preview is None else [asdict(judgement) for judgement in preview.judgements],
        "judged_on": None if preview is None else {"wanted": preview.wanted, "spans": preview.spans},
    }
    put_lines([orjson.dumps(report)] if prints_json(asked=json) else map(printable, _lines(report)))
    return 0 if fault is None else 1


def _fault(configuration: Configuration, roles: Mapping[wiring.Section, tuple[str, ...]]) -> str | None:
    """Make what `up` would and what the configuration names, try the transport; return what is wrong with it, else None."""
    try:
        execute(_try(configuration, roles))
    except UsageError:
        raise
    except VirtpulseError as error:
        return redact(str(error))
    return None


async def _try(configuration: Configuration, roles: Mapping[wiring.Section, tuple[str, ...]]) -> None:
    async with connected(configuration) as transport:
        named = {section: {**dict.fromkeys(roles[section]), **configuration.roles.get(section, {})} for section in roles}
        wiring.stages(wiring.Deployment(configuration, transport, SystemClock()), named)


def _settings(configuration: Configuration, roles: Mapping[wiring.Section, tuple[str, ...]]) -> dict[str, Any]:
    """Return all settings by table."""
    core = {name: value for name, value in _builtins(configuration.settings).items() if isinstance(value, dict)}
    named = {
        f"{section}.{name}": _builtins(wiring.role_settings(configuration, section, name))
        for section, chosen in roles.items()
        for name in chosen
    }
    for field, role in wiring.LIFTED.items():
        named.get(".".join(role), {}).pop(field, None)  # what is written at the top is no setting of the role's table
    return {**core, **named}


def _builtins(settings: msgspec.Struct) -> dict[str, Any]:
    built: dict[str, Any] = msgspec.to_builtins(settings, enc_hook=_shown)
    return built


def _shown(value: object) -> str:
    if isinstance(value, Secret):
        return value.origin
    if isinstance(value, (Duration, Size)):
        return value.text()
    if isinstance(value, Path):
        return str(value)
    msg = f"settings of the type {type(value).__name__} cannot be shown"
    raise NotImplementedError(msg)


def _lines(report: Mapping[str, Any]) -> Iterator[str]:
    yield f"configuration  {report['configuration'] or 'no file: the defaults'}"
    yield f"transport      {report['transport']}: {report['fault'] or 'it answers'}"
    for section, chosen in report["up"].items():
        yield f"{section:<14} {', '.join(chosen) or 'none'}"
    for name in report["left_out"]:
        yield f"warning        [sinks.{name}] is configured, but up.sinks does not name it: it would not run"
    yield from rule_lines(report["rules"], report["judged_on"] or {})
    for table, settings in report["settings"].items():
        yield f"[{table}]"
        yield from (f"{name} = {orjson.dumps(value).decode()}" for name, value in settings.items() if value is not None)
