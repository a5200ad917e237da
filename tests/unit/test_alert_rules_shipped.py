"""The rules that come with virtpulse: each is sound, says what to do, and has a page that says the same."""

import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

import pytest

from processors.alerts.rule import Rule, Severity
from processors.alerts.settings import AlertsSettings
from processors.alerts.shipped import rules_in_force, shipped_rules
from virtpulse.catalogue import FACTS, METRICS

ROOT: Final = Path(__file__).parents[2]
RUNBOOKS: Final = ROOT / "docs/runbooks"
RULES: Final = shipped_rules()
OF_METRICS: Final = [rule for rule in RULES if rule.metric]
SECTIONS: Final = [
    "## What it means",
    "## Confirm",
    "## What to do",
    "## When to ignore it",
    "## Where the threshold comes from",
]
PAGES: Final = sorted(path.stem for path in RUNBOOKS.glob("*.md") if path.name != "README.md")
WAKES_SOMEBODY: Final = {"MemoryStalled", "FilesystemFull", "VmDiskErrors", "VmCrashed", "HostSilent"}


def name_of(rule: Rule) -> str:
    return rule.name


def page(name: str) -> str:
    return (RUNBOOKS / f"{name}.md").read_text(encoding="utf-8")


def seconds(text: str) -> float:
    return float(text[:-1]) * {"s": 1, "m": 60}[text[-1]]


def test_there_is_a_page_for_each_rule_and_the_watchdog_and_none_besides() -> None:
    assert sorted([*map(name_of, RULES), "Watchdog"]) == PAGES


def test_no_two_rules_have_a_name_and_a_user_replaces_or_disables_one_by_it() -> None:
    names = [rule.name for rule in RULES]
    assert len(set(names)) == len(names)
    own = Rule(name="CpuBusy", metric="system.cpu.utilization", above=50)
    settings = AlertsSettings(rules=(own,), disable=("Memory*",))
    in_force = {rule.name: rule for rule in rules_in_force(settings)}
    assert in_force["CpuBusy"] is own
    assert set(names) - set(in_force) == {"MemoryShort", "MemoryPressure", "MemoryStalled"}


@pytest.mark.parametrize("rule", RULES, ids=name_of)
def test_a_rule_says_in_a_line_each_what_is_wrong_and_what_to_do_and_names_its_page(rule: Rule) -> None:
    for text in (rule.summary, rule.advice):
        assert 10 < len(text) <= 140
        assert text.isprintable()
    assert not rule.summary.endswith(".")
    assert rule.on == "deadletter" or "{source}" in rule.summary, "where there is no room for labels, the summary names the place"
    assert rule.advice.endswith(".")
    assert rule.runbook == f"docs/runbooks/{rule.name}.md"
    assert (ROOT / rule.runbook).is_file()


@pytest.mark.parametrize("rule", OF_METRICS, ids=name_of)
def test_a_rule_judges_metrics_of_the_catalogue_by_a_statistic_that_they_have(rule: Rule) -> None:
    matched = [entry for entry in METRICS.values() if fnmatchcase(entry.name, rule.metric)]
    assert matched
    if rule.while_ is not None and rule.while_.metric:
        matched.append(METRICS[rule.while_.metric])
    timings = {entry.family == "timings" for entry in matched}
    assert len(timings) == 1, "a threshold is in percent or in seconds, not in both"
    assert rule.statistic in {None, "part"}


@pytest.mark.parametrize("rule", OF_METRICS, ids=name_of)
def test_a_rule_of_devices_judges_metrics_that_have_them(rule: Rule) -> None:
    if rule.device or "{device}" in rule.summary:
        assert all(entry.device for entry in METRICS.values() if fnmatchcase(entry.name, rule.metric))


def test_the_facts_that_rules_look_at_are_in_the_catalogue() -> None:
    assert {fact for rule in RULES for fact in rule.facts} <= set(FACTS)


@pytest.mark.parametrize("rule", OF_METRICS, ids=name_of)
def test_what_is_judged_by_a_ratio_does_not_flap(rule: Rule) -> None:
    if rule.statistic is None:
        assert rule.clear is not None
        assert rule.threshold is not None
        assert rule.clear != rule.threshold
        assert rule.for_ >= 30
    else:
        assert rule.keep_firing_for is not None
        assert rule.keep_firing_for >= 60


def test_only_what_should_wake_somebody_is_critical() -> None:
    assert {rule.name for rule in RULES if rule.severity == "critical"} == WAKES_SOMEBODY


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_short_and_says_what_it_means_how_to_confirm_what_to_do_and_when_to_ignore_it(name: str) -> None:
    text = page(name)
    lines = text.splitlines()
    assert lines[0] == f"# {name}"
    assert [line for line in lines if line.startswith("## ")] == SECTIONS
    assert 25 <= len(lines) <= 45
    assert max(map(len, lines)) <= 130
    confirm = text.partition("## Confirm")[2].partition("## What to do")[0]
    commands = [line for block in re.findall(r"```sh\n(.*?)```", confirm, re.DOTALL) for line in block.splitlines()]
    assert len(commands) >= 2


@pytest.mark.parametrize("rule", RULES, ids=name_of)
def test_a_page_names_the_severity_threshold_and_times_that_the_rule_has(rule: Rule) -> None:
    condition = " ".join(page(rule.name).splitlines()[2:5])
    severity: Severity = rule.severity
    assert condition.startswith(f"{severity}: ")
    numbers = {float(found) for found in re.findall(r"\d+(?:\.\d+)?", condition)}
    while_ = [] if rule.while_ is None else [rule.while_.above]
    assert {number for number in (rule.threshold, rule.clear, *while_) if number is not None} <= numbers
    spans = {seconds(found) for found in re.findall(r"\b\d+[sm]\b", condition)}
    assert spans == {float(span) for span in (rule.for_, rule.lasting if not rule.clear else 0) if span}


@pytest.mark.parametrize("rule", OF_METRICS, ids=name_of)
def test_a_page_names_the_metrics_that_its_rule_judges(rule: Rule) -> None:
    named = set(re.findall(r"`((?:system|vm)\.[a-z_.]+)(?:@[a-z.]+)?`", page(rule.name)))
    judged = {entry.name for entry in METRICS.values() if fnmatchcase(entry.name, rule.metric)}
    assert judged <= named


def test_the_index_has_a_row_for_each_page_with_its_severity() -> None:
    rows = re.findall(r"^\| \[(\w+)\]\((\w+)\.md\) \| (\w+) \|", page("README"), re.MULTILINE)
    expected = {rule.name: rule.severity for rule in RULES} | {"Watchdog": "none"}
    assert {name: severity for name, _, severity in rows} == expected
    assert all(name == link for name, link, _ in rows)
    assert len(rows) == len(PAGES)
