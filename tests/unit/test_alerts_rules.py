"""What a rule may say, and what a user is told of one that cannot be."""

from pathlib import Path

import pytest

from processors.alerts.settings import AlertsSettings
from processors.alerts.shipped import rules_in_force, shipped_rules
from virtpulse.config.load import Configuration, Origin, load
from virtpulse.errors import UsageError
from virtpulse.wiring import LIFTED, SETTINGS

GOOD = 'name = "Busy"\nmetric = "*.cpu.utilization"\nabove = 90\n'


def loaded(tmp_path: Path, *rules: str) -> Configuration:
    path = tmp_path / "virtpulse.toml"
    path.write_text("".join(f"[[rules]]\n{rule}\n" for rule in rules), encoding="utf-8")
    return load(Origin(path), SETTINGS, {}, lifted=LIFTED)


def settings(tmp_path: Path, *rules: str) -> AlertsSettings:
    return loaded(tmp_path, *rules).role("processors", "alerts", AlertsSettings)


def refusal(tmp_path: Path, *rules: str) -> str:
    with pytest.raises(UsageError) as error:
        loaded(tmp_path, *rules)
    return str(error.value)


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        (GOOD + "abov = 3", "unknown key; did you mean rules[1].above?"),
        (GOOD + 'statistic = "average"', 'statistic (line 5 of FILE) must be one of "ratio", "part"'),
        (
            GOOD + "clear = 95",
            "clear (line 5 of FILE) must be at most 90, which is above, else an alert would end while its condition",
        ),
        ('name = "Slow"\nmetric = "p"\nbelow = 50\nclear = 40', "must be at least 50, which is below, else"),
        (GOOD + 'for = "-5s"', 'for (line 5 of FILE) must be a duration such as "10s", "1m30s" or "250ms", got "-5s"'),
        (GOOD + 'summary = "{nobody}"', "summary (line 5 of FILE) has the unknown placeholder {nobody}; there are {source}"),
        (GOOD + 'summary = "{source.__class__}"', "has the unknown placeholder {source.__class__}"),
        (GOOD + 'summary = "{source[0]}"', "has the unknown placeholder {source[0]}"),
        (GOOD + 'summary = "{0}"', "has the unknown placeholder {0}"),
        (GOOD + 'summary = "{}"', "has the unknown placeholder {}"),
        (GOOD + 'summary = "{value!r}"', "has a format that {value} does not take"),
        (GOOD + 'summary = "{value:{source}}"', "has a format that {value} does not take"),
        (GOOD + 'summary = "{value:999999999f}"', "has a format that {value} does not take"),
        (GOOD + 'summary = "{source:.1f}"', "has a format that {source} does not take"),
        (GOOD + 'summary = "{value"', "has a brace that is not closed or stands alone"),
        (GOOD + 'summary = "two\\nlines"', "must be one line of at most 500 characters"),
        (GOOD + "below = 3", "above (line 4 of FILE) and below exclude one another"),
        ('name = "Busy"\nmetric = "m"', "above (line 1 of FILE) is missing: a rule has above or below"),
        ('name = "Busy"\nabove = 3', "is missing: a rule judges a metric, facts, or the statistic late"),
        ('name = "No spaces"\nmetric = "m"\nabove = 3', "must be a word of letters, digits and _"),
        ('name = "Watchdog"\nmetric = "m"\nabove = 3', "Watchdog is taken"),
        ('metric = "m"\nabove = 3', "name"),
        ('name = "S"\non = "silence"', "of (line 1 of FILE) must be one of hosts, guests"),
        ('name = "S"\non = "silence"\nof = "hosts"\nabove = 3', 'above (line 5 of FILE) does not go with on = "silence"'),
        ('name = "L"\nstatistic = "late"\nmetric = "m"\nabove = 3', "late counts the samples of an aggregate"),
        (
            'name = "E"\non = "sample"\nmetric = "m"\nabove = 3\nstatistic = "max"',
            "must be one of ratio, part, whole, mean of a sample",
        ),
        ('name = "F"\nfacts = { "vm.state" = "crashed" }\nabove = 3', "above (line 4 of FILE) needs a metric to look at"),
        (
            'name = "S"\nmetric = "system.cpu.utilization@steal"\nabove = 3',
            'write metric = "system.cpu.utilization" and device = "steal"',
        ),
        (GOOD + 'severity = "urgent"', 'must be one of "critical", "warning", "info", "none", got "urgent"'),
        (GOOD + 'labels = { host = "x" }', "which every alert has by itself"),
        (GOOD + 'labels = { "a b" = "x" }', 'have a name that cannot be: "a b"'),
        (GOOD + 'while = { metric = "m" }', "is missing: a condition has above or below"),
        (GOOD + 'while = { metric = "m.*", above = 3 }', "must be the name of a metric, without * and device"),
    ],
)
def test_a_rule_that_cannot_be_is_refused_with_its_line(tmp_path: Path, rule: str, told: str) -> None:
    found = refusal(tmp_path, rule).replace(str(tmp_path / "virtpulse.toml"), "FILE")
    assert told in found, found
    assert "line " in found


def test_two_rules_of_one_name_are_refused(tmp_path: Path) -> None:
    assert "has two of the name Busy: give one of them another name" in refusal(tmp_path, GOOD, GOOD)


def test_a_rule_of_the_user_replaces_the_one_that_comes_with_it(tmp_path: Path) -> None:
    own = settings(tmp_path, 'name = "CpuBusy"\nmetric = "my.cpu"\nabove = 1')
    found = [rule for rule in rules_in_force(own) if rule.name == "CpuBusy"]
    assert [rule.metric for rule in found] == ["my.cpu"]
    assert len(rules_in_force(own)) == len(shipped_rules())


def test_rules_that_come_with_it_can_be_disabled_by_name() -> None:
    assert rules_in_force(AlertsSettings(disable=("*",))) == ()
    left = {rule.name for rule in rules_in_force(AlertsSettings(disable=("Cpu*", "OomKill")))}
    assert {rule.name for rule in shipped_rules()} - left >= {"CpuBusy", "CpuSteal", "OomKill"}


def test_a_rule_has_its_defaults(tmp_path: Path) -> None:
    (rule,) = settings(tmp_path, GOOD).rules
    assert (rule.severity, rule.on, rule.source, float(rule.for_), rule.lasting) == ("warning", "aggregate", "*", 0.0, 0.0)
    (event,) = settings(tmp_path, 'name = "Crash"\non = "sample"\nfacts = { "vm.state" = "crashed" }').rules
    assert event.lasting == 300
