"""The settings of the sinks that tell people and programs of alerts, and what is said of wrong ones."""

import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from sinks.alertmanager.role import ROLE as ALERTMANAGER
from sinks.chat.role import ROLE as CHAT
from sinks.webhook.role import ROLE as WEBHOOK
from tests.conftest import FakeClock
from virtpulse.config.load import Configuration, Origin, load
from virtpulse.errors import UsageError
from virtpulse.runtime.roles import NotifierRole, Receiver, Repeats

ROLES: Final[Mapping[str, NotifierRole[Any]]] = {"chat": CHAT, "webhook": WEBHOOK, "alertmanager": ALERTMANAGER}


def _settings(role: NotifierRole[Any]) -> type[msgspec.Struct]:
    return role.settings


def _load(folder: Path, text: str) -> Configuration:
    file = folder / "virtpulse.toml"
    file.write_text(text, encoding="utf-8")
    return load(Origin(file), {"sinks": {name: partial(_settings, role) for name, role in ROLES.items()}}, {})


def _make(folder: Path, sink: str, text: str) -> object:
    role = ROLES[sink]
    settings = _load(folder, text).role("sinks", sink, role.settings)
    return role.make(settings, FakeClock())


@pytest.mark.parametrize("sink", ROLES)
def test_a_sink_without_settings_has_a_spec_but_nobody_to_tell(tmp_path: Path, sink: str) -> None:
    assert ROLES[sink].spec(ROLES[sink].settings()).receivers == ()
    with pytest.raises(UsageError, match=rf"the sink {sink} has nobody to tell: give \[\[sinks.{sink}.to\]\] a name and a url"):
        _make(tmp_path, sink, "")


def test_the_defaults_are_what_operators_know(tmp_path: Path) -> None:
    settings = {name: _load(tmp_path, "").role("sinks", name, role.settings) for name, role in ROLES.items()}
    specs = {name: role.spec(settings[name]) for name, role in ROLES.items()}
    assert {name: (spec.wait, spec.interval, spec.repeat, spec.watchdog) for name, spec in specs.items()} == {
        "chat": (30, 300, 14_400, 0),
        "webhook": (30, 300, 14_400, 300),
        "alertmanager": (0, 0, 60, 60),
    }
    assert {name: tuple(spec.group_by) for name, spec in specs.items()} == {
        "chat": ("host",),
        "webhook": ("alertname", "host"),
        "alertmanager": ("host",),
    }
    assert specs["alertmanager"].repeats is Repeats.TOLD


def test_receivers_have_names_and_matchers(tmp_path: Path) -> None:
    text = """
    [[sinks.webhook.to]]
    name = "pager"
    url = "https://example.org/hook"
    match = ["severity=critical", "host!=test-*"]
    [[sinks.webhook.to]]
    name = "all"
    url = "https://example.org/hook"
    """
    settings = _load(tmp_path, text).role("sinks", "webhook", WEBHOOK.settings)
    assert WEBHOOK.spec(settings).receivers == (Receiver("pager", ("severity=critical", "host!=test-*")), Receiver("all"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('name = "a b"\nurl = "x"', r"to\[1\]\.name \(line 2.*\) must be a word of letters, digits and \._- .* got \"a b\""),
        ('name = "ops"', r"to\[1\].*url is missing"),
        ('name = "ops"\nurl = "x"\nmatch = ["severity"]', r"to\[1\]\.match \(line 4.*\) must be LABEL=VALUE .* got \"severity\""),
        ('name = "ops"\nurl = "x"\nmatchers = []', r"to\[1\]\.matchers .*unknown key; did you mean sinks\.\w+\.to\[1\]\.match\?"),
        ('name = "ops"\nurl = "x"\n[[{to}]]\nname = "ops"\nurl = "y"', r'\.to .*has two receivers named "ops"'),
    ],
)
@pytest.mark.parametrize("sink", ROLES)
def test_a_wrong_receiver_is_refused_with_the_field_and_the_line(tmp_path: Path, sink: str, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        _load(tmp_path, f"[[sinks.{sink}.to]]\n{text.replace('{to}', f'sinks.{sink}.to')}")


@pytest.mark.parametrize("sink", ROLES)
def test_no_time_at_all_is_refused(tmp_path: Path, sink: str) -> None:
    with pytest.raises(UsageError, match=rf"sinks\.{sink}\.timeout .*must be longer than 0s"):
        _load(tmp_path, f'[sinks.{sink}]\ntimeout = "0s"')


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('url = "ftp://h/sesame99"', r'to\.url of "ops" must begin with http:// or https:// and a host'),
        ('url = "http://"', r'to\.url of "ops" must begin with http:// or https:// and a host'),
        ('url = "http://h:port/sesame99"', r'to\.url of "ops" is not a URL'),
        ('url = "http://h"\nauthorization = "Bearer sesame99\\n"', r'to\.authorization of "ops" must be the value of a header'),
        ('url = "http://u:p@h"\nauthorization = "Bearer sesame99"', r"the user in its url exclude each other"),
        ('url = "https://h"\nca = "none.pem"', r'to\.ca of "ops": none\.pem cannot be used: No such file or directory'),
        ('url = "${VIRTPULSE_TEST_ABSENT}"', r"has no variable VIRTPULSE_TEST_ABSENT"),
    ],
)
@pytest.mark.parametrize("sink", ["webhook", "alertmanager"])
def test_an_address_that_cannot_be_used_is_refused_without_its_secrets(tmp_path: Path, sink: str, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as refusal:
        _make(tmp_path, sink, f'[[sinks.{sink}.to]]\nname = "ops"\n{text}')
    assert "sesame99" not in str(refusal.value)


def test_certificates_that_are_none_are_refused(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate", encoding="utf-8")
    with pytest.raises(UsageError, match=r"ca\.pem cannot be used: it holds no certificate in PEM form"):
        _make(tmp_path, "webhook", f'[[sinks.webhook.to]]\nname = "ops"\nurl = "https://h"\nca = "{tmp_path}/ca.pem"')


def test_a_secret_of_another_form_is_refused_and_not_shown(tmp_path: Path) -> None:
    text = '[[sinks.webhook.to]]\nname = "ops"\nurl = "https://h"\nsecret = "sesame99"'
    with pytest.raises(UsageError, match=r'sinks\.webhook\.to\.secret of "ops" must be whsec_') as refusal:
        _make(tmp_path, "webhook", text)
    assert "sesame99" not in str(refusal.value)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sesame99", "must be a URL of apprise's"),
        ("matrx://u:sesame99@h/!r", r"does not know, matrx://; did you mean matrix\?"),
        ("wxyzq://sesame99", r"does not know, wxyzq://$"),
        ("slack://sesame99", r"is not complete: apprise cannot use it as slack://"),
    ],
)
def test_a_service_that_apprise_does_not_know_is_refused_by_its_name_alone(tmp_path: Path, url: str, said: str) -> None:
    with pytest.raises(
        UsageError, match=rf'sinks\.chat\.to\.url of "ops" .*{said}|sinks\.chat\.to\.url of "ops" {said}'
    ) as refusal:
        _make(tmp_path, "chat", f'[[sinks.chat.to]]\nname = "ops"\nurl = "{url}"')
    assert "sesame99" not in str(refusal.value)


@pytest.mark.parametrize("lines", ["2", "1001"])
def test_a_message_has_room_for_a_title_an_alert_and_a_count(tmp_path: Path, lines: str) -> None:
    with pytest.raises(UsageError, match=r"sinks\.chat\.lines .*must be a whole number"):
        _load(tmp_path, f"[sinks.chat]\nlines = {lines}")


@pytest.mark.parametrize(
    ("sink", "library", "extra"),
    [("chat", "apprise", "chat"), ("webhook", "aiohttp", "webhook"), ("alertmanager", "aiohttp", "webhook")],
)
def test_a_missing_library_is_told_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sink: str, library: str, extra: str
) -> None:
    for name in [
        name for name in sys.modules if name.startswith(("sinks.chat.", "sinks.webhook.", "sinks.alertmanager.", "sinks.http"))
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(UsageError, match=rf"the sink {sink} needs the extra \[{extra}\]: pip install 'virtpulse\[{extra}\]'"):
        _make(tmp_path, sink, "")
