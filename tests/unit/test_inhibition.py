"""`[[inhibit]]`: what it keeps back, and what is wrong with one that cannot be read."""

from pathlib import Path

import pytest

from virtpulse.config.load import Configuration, Origin, load
from virtpulse.errors import UsageError
from virtpulse.messages.inhibition import Inhibiting, Inhibition

HOST_DOWN = {"alertname": "HostDown", "host": "kvm-07", "severity": "critical"}
GUEST = {"alertname": "CpuBusy", "host": "rack", "vm": "kvm-07"}


def read(folder: Path, text: str) -> Configuration:
    file = folder / "virtpulse.toml"
    file.write_text(text, encoding="utf-8")
    return load(Origin(file), {}, {})


def test_it_is_read_from_the_configuration(tmp_path: Path) -> None:
    text = '[[inhibit]]\nsource = ["alertname=HostDown"]\ntarget = ["severity!=critical"]\nequal = ["host", "host=vm"]\n'
    assert read(tmp_path, text).settings.inhibit == (
        Inhibition(source=("alertname=HostDown",), target=("severity!=critical",), equal=("host", "host=vm")),
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('source = ["HostDown"]\ntarget = ["vm=*"]', "source .*line 2.* must be LABEL=VALUE"),
        ('source = ["a=b"]\ntarget = []', "target .*line 3.* must hold a matcher"),
        ('source = ["a=b"]\ntarget = ["c=d"]\nequal = ["host,vm"]', "equal .*line 4.* must hold labels"),
        ('source = ["a=b"]\ntarget = ["c=d"]\nequals = ["host"]', "equals .*did you mean"),
        ('source = ["a=b"]', "target is missing"),
    ],
)
def test_one_that_cannot_be_read_is_an_error_that_names_the_key_and_the_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read(tmp_path, f"[[inhibit]]\n{text}\n")


def test_labels_are_compared_by_name_or_across_names() -> None:
    same = Inhibiting(Inhibition(source=("alertname=HostDown",), target=("alertname!=HostDown",), equal=("host",)))
    assert same.of_source(HOST_DOWN) == ("kvm-07",)
    assert same.of_target({**GUEST, "host": "kvm-07"}) == ("kvm-07",)
    across = Inhibiting(Inhibition(source=("alertname=HostDown",), target=("vm=*",), equal=("host=vm",)))
    assert across.of_source(HOST_DOWN) == across.of_target(GUEST)


def test_what_is_neither_source_nor_target_is_left_alone_and_nothing_keeps_itself_back() -> None:
    inhibition = Inhibiting(Inhibition(source=("severity=critical",), target=("host=kvm-07",)))
    assert inhibition.of_source(GUEST) is None
    assert inhibition.of_target(GUEST) is None
    assert inhibition.of_target(HOST_DOWN) is None
    assert inhibition.of_source(HOST_DOWN) == inhibition.of_target({"host": "kvm-07"}) == ()
