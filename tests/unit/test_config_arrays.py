"""Arrays of tables, tables of values, and tables that stand at the top for a role: a refusal names element, key and line."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import pytest

from virtpulse.config.load import Configuration, Origin, load
from virtpulse.config.secrets import Secret
from virtpulse.errors import UsageError
from virtpulse.units import Duration


class Part(msgspec.Struct, frozen=True):
    """A table inside a rule."""

    metric: str | None = None
    above: float | None = None


class Rule(msgspec.Struct, frozen=True):
    """An element of an array of tables."""

    name: str
    above: float | None = None
    for_: Duration = msgspec.field(default=Duration(0), name="for")
    while_: Part | None = msgspec.field(default=None, name="while")
    parts: tuple[Part, ...] = ()
    facts: dict[str, str | int | float | bool] = {}
    on: Literal["aggregate", "sample"] = "aggregate"
    password: Secret | None = None

    def __post_init__(self) -> None:
        """Check what no type can."""
        if self.for_ > 60:
            msg = "for_ must be a minute at most"
            raise UsageError(msg)
        if "bad" in self.facts:
            msg = "facts.bad must not be there"
            raise UsageError(msg)
        if self.name == "odd":
            msg = "a rule cannot be odd"
            raise UsageError(msg)


class Alerts(msgspec.Struct, frozen=True):
    """The settings of a role, of which the rules stand at the top."""

    rules: Annotated[tuple[Rule, ...], msgspec.Meta(max_length=3)] = ()
    urls: tuple[Secret, ...] = ()
    more: tuple[Rule, ...] | None = None
    rate: float = 1.0

    def __post_init__(self) -> None:
        """Check what concerns several rules."""
        if len({rule.name for rule in self.rules}) < len(self.rules):
            msg = "rules must have names of their own"
            raise UsageError(msg)


Load = Callable[..., Configuration]
NOT_REGISTERED = {"silences": ("processors", "silences")}


@pytest.fixture
def read(tmp_path: Path) -> Load:
    def call(
        text: str, *, environ: Mapping[str, str] | None = None, assignments: Sequence[str] = (), known: bool = True
    ) -> Configuration:
        file = tmp_path / "x.toml"
        file.write_text(text, encoding="utf-8")
        types = {"producers": {}, "processors": {"alerts": lambda: Alerts} if known else {}, "sinks": {}}
        lifted = {"rules": ("processors", "alerts"), **NOT_REGISTERED}
        return load(Origin(file, assignments), types, environ or {}, lifted=lifted)

    return call


def alerts(configuration: Configuration) -> Alerts:
    return configuration.role("processors", "alerts", Alerts)


def test_an_array_of_tables_at_the_top_is_a_field_of_its_role(read: Load) -> None:
    text = '[[rules]]\nname = "a"\nfor = "5s"\nfacts = { "vm.state" = "crashed", up = false, n = 1 }\n[rules.while]\nabove = 3\n'
    found = alerts(read(text + '[[rules]]\nname = "b"\n[[rules.parts]]\nmetric = "m"\n[[rules.parts]]\n'))
    facts: dict[str, str | int | float | bool] = {"vm.state": "crashed", "up": False, "n": 1}
    first = Rule("a", for_=Duration(5), while_=Part(above=3.0), facts=facts)
    assert found.rules == (first, Rule("b", parts=(Part(metric="m"), Part())))
    assert found.rate == 1.0


def test_the_role_is_named_by_the_rules_alone_but_not_by_their_absence(read: Load) -> None:
    assert read("").roles["processors"] == {}
    assert alerts(read("[processors.alerts]\nrate = 2")) == Alerts(rate=2.0)
    assert set(read('[[rules]]\nname = "a"').roles["processors"]) == {"alerts"}


def test_the_array_may_be_written_in_one_line_and_come_from_anywhere(read: Load) -> None:
    expected = (Rule("a"), Rule("b", above=1.0))
    line = "[{name = 'a'}, {name = 'b', above = 1}]"
    assert alerts(read(f"rules = {line}")).rules == expected
    assert alerts(read("", environ={"VIRTPULSE_RULES": line})).rules == expected
    assert alerts(read('[[rules]]\nname = "c"', assignments=[f"rules={line}"])).rules == expected


TWO = '[[rules]]\nname = "a"\n\n[[rules]]\nname = "b"\n'
REFUSALS = [
    (
        f"{TWO}abov = 90",
        "rules[2].abov (line 6 of FILE): unknown key; did you mean rules[2].above? known here: above, facts, for,",
    ),
    (f"{TWO}above = '90'", 'rules[2].above (line 6 of FILE) must be a number, got "90"'),
    (f"{TWO}above = nan", "rules[2].above (line 6 of FILE) must be a number, got nan"),
    (f"{TWO}for_ = '90s'", "rules[2].for_ (line 6 of FILE): unknown key; did you mean rules[2].for?"),
    (f"{TWO}for = '90s'", "rules[2].for (line 6 of FILE) must be a minute at most"),
    (f"{TWO}for = 90", 'rules[2].for (line 6 of FILE) must be a duration such as "10s"'),
    (f"{TWO}on = 'samples'", 'rules[2].on (line 6 of FILE) must be one of "aggregate", "sample", got "samples"'),
    (f"{TWO}facts = 3", "rules[2].facts (line 6 of FILE) must be a table, [rules[2].facts], got 3"),
    (
        f"{TWO}[rules.facts]\n'vm.state' = ['x']",
        'rules[2].facts."vm.state" (line 7 of FILE) must be a text or a number or true or false, got ["x"]',
    ),
    (
        f"{TWO}facts.vm.state = 'crashed'",
        "rules[2].facts.vm.state (line 6 of FILE): vm must be a text or a number or true or false, not a table; a key with a dot",
    ),
    (f"{TWO}facts = {{ bad = 1 }}", "rules[2].facts.bad (line 6 of FILE) must not be there"),
    (f"{TWO}[rules.while]\nabov = 1", "rules[2].while.abov (line 7 of FILE): unknown key; did you mean rules[2].while.above?"),
    (f"{TWO}while = 1", "rules[2].while (line 6 of FILE) must be a table, [rules[2].while], got 1"),
    (
        f"{TWO}[[rules.parts]]\n[[rules.parts]]\nabov = 1",
        "rules[2].parts[2].abov (line 8 of FILE): unknown key; did you mean rules[2].parts[2].above?",
    ),
    (f"{TWO}parts = [1]", "rules[2].parts[1] (line 6 of FILE) must be a table, [[rules[2].parts]], got 1"),
    ("[[rules]]\n[[rules]]\nname = 'odd'", "rules[1] (line 1 of FILE): name is missing"),
    ("[[rules]]\nname = 'a'\n[[rules]]\nname = 'odd'", "rules[2] (line 3 of FILE): a rule cannot be odd"),
    (f"{TWO}[[rules]]\nname = 'a'", "rules (line 1 of FILE) must have names of their own"),
    ("[[rules]]\nname = 1", "rules[1].name (line 2 of FILE) must be a text, got 1"),
    ("rules = 3", "rules (line 1 of FILE) must be an array of tables, [[rules]], got ***"),
    ("[rules]\nname = 'a'", "rules (line 1 of FILE) must be an array of tables, [[rules]], got "),
    ("rules = [" + "{ name = 'a' }, " * 4 + "]", "rules (line 1 of FILE) must be an array"),
    ("[[rule]]\nname = 'a'", "rule (line 1 of FILE): unknown key; did you mean rules?"),
    (
        "[processors.alerts]\nrate = 1\nrat = 1",
        "processors.alerts.rat (line 3 of FILE): unknown key; did you mean processors.alerts.rate? known here: more, rate, urls",
    ),
    (
        "[processors.alerts]\nrules = []",
        "processors.alerts.rules (line 2 of FILE): unknown key; it stands at the top, as [[rules]]",
    ),
    ("[[processors.alerts.rules]]\nname = 'a'", "processors.alerts.rules (line 1 of FILE): unknown key"),
    ("[[processors.alerts.more]]\nname = 2", "processors.alerts.more[1].name (line 2 of FILE) must be a text, got 2"),
    ("[[silences]]\nname = 'a'", "silences (line 1 of FILE): unknown key"),
]


@pytest.mark.parametrize(("text", "said"), REFUSALS)
def test_a_wrong_element_is_refused_with_its_number_key_and_line(read: Load, tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(text)
    assert str(caught.value).startswith(said.replace("FILE", str(tmp_path / "x.toml")))


def test_a_key_with_a_dot_is_shown_as_it_is_to_be_written(read: Load) -> None:
    with pytest.raises(UsageError, match=r'a key with a dot is put in quotes, rules\[1\]\.facts\."vm\.state"$'):
        read('[[rules]]\nname = "a"\nfacts.vm.state = "crashed"')


def test_what_comes_from_elsewhere_names_its_place(read: Load) -> None:
    with pytest.raises(UsageError, match=r"rules\[2\]\.abov \(--set rules\): unknown key"):
        read("", assignments=["rules=[{name = 'a'}, {name = 'b', abov = 1}]"])
    with pytest.raises(UsageError, match=r"rules \(environment variable VIRTPULSE_RULES\) must be an array of tables"):
        read("", environ={"VIRTPULSE_RULES": "CpuBusy"})


def test_a_value_of_one_element_belongs_in_the_file(read: Load) -> None:
    with pytest.raises(UsageError, match=r"^rules \(--set rules.1.above\) is an array of tables: .* file, \[\[rules\]\]$"):
        read(TWO, assignments=["rules.1.above=3"])
    with pytest.raises(UsageError, match=r"^rules \(environment variable VIRTPULSE_RULES__1__ABOVE\) is an array of tables"):
        read("", environ={"VIRTPULSE_RULES__1__ABOVE": "3"})


def test_a_table_in_place_of_a_value_is_shown_as_it_was_written(read: Load) -> None:
    with pytest.raises(UsageError, match=r'must be a number, got \{"x":3\}$'):
        read("", assignments=["processors.alerts.rate.x=3"])


def test_a_table_of_a_role_that_is_not_there_is_an_unknown_key(read: Load) -> None:
    with pytest.raises(UsageError, match=r"^rules \(line 1 of .*\): unknown key"):
        read('[[rules]]\nname = "a"', known=False)
    assert read("", known=False).roles["processors"] == {}


@pytest.mark.parametrize(
    "text",
    [
        "[processors.alerts]\nurls = ['ok', 123456]",
        "[processors.alerts]\nurls = 123456",
        "[[rules]]\nname = 'a'\npassword = 123456",
        "[[rules]]\nname = 'a'\npassword = { x = 123456 }",
        "rules = [123456]",
        "rules = 123456",
    ],
)
def test_a_secret_in_an_array_is_never_part_of_a_refusal(read: Load, text: str) -> None:
    assert alerts(read("[processors.alerts]\nurls = ['hunter2', '${URL}']")).urls == (Secret("hunter2"), Secret("${URL}"))
    with pytest.raises(UsageError) as caught:
        read(text)
    assert "123456" not in str(caught.value)
    assert "line" in str(caught.value)
