"""The rules that are in force: those that come with virtpulse, and the user's own, which replace those of the same name."""

import difflib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

from processors.alerts.rule import Rule
from processors.alerts.settings import AlertsSettings
from virtpulse.catalogue import METRICS
from virtpulse.config.convert import read_struct
from virtpulse.config.layers import from_file
from virtpulse.globs import is_like
from virtpulse.messages.alert import WATCHDOG

SHIPPED: Final = Path(__file__).with_name("rules.toml")


class _RuleFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rules: tuple[Rule, ...]


@cache
def shipped_rules() -> tuple[Rule, ...]:
    """Return the rules that come with virtpulse."""
    layer = from_file(SHIPPED)
    return read_struct(_RuleFile, layer, (), layer.tree).rules


def rules_in_force(settings: AlertsSettings) -> tuple[Rule, ...]:
    """Return the rules to be judged: the shipped ones without those that are disabled or replaced, then the user's."""
    own = {rule.name for rule in settings.rules}
    kept = [rule for rule in shipped_rules() if rule.name not in own and not is_disabled(settings, rule.name)]
    return (*kept, *settings.rules)


def odd_metric(rule: Rule) -> str:
    """Return what is odd about a rule's metric, empty if nothing is; no error, as what nobody knows today may come tomorrow."""
    if not rule.metric or any(is_like(name, rule.metric) for name in METRICS):
        return ""
    return f"the catalogue knows no metric that matches {rule.metric}"


def is_disabled(settings: AlertsSettings, name: str) -> bool:
    """Return whether the user does not want the alert of this name that comes with virtpulse."""
    return any(is_like(name, pattern) for pattern in settings.disable)


def odd_names(settings: AlertsSettings) -> list[str]:
    """Return for each name in `disable` that is no rule's what is odd about it, with the name that may be meant."""
    names = [*(rule.name for rule in shipped_rules()), WATCHDOG]
    odd = [pattern for pattern in settings.disable if not any(is_like(name, pattern) for name in names)]
    return [f"no rule that comes with virtpulse is called {pattern}{_meant(pattern, names)}" for pattern in odd]


def _meant(pattern: str, names: Sequence[str]) -> str:
    near = difflib.get_close_matches(pattern, names, n=1)
    return f"; did you mean {near[0]}?" if near else ""
