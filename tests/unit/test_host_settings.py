"""What a user may set of the host producer, and the choice of devices that follows from it."""

import subprocess
import sys

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from producers.host.devices import Devices, device_of
from producers.host.guard import Notices
from producers.host.settings import HostSettings, source_from, source_of
from virtpulse.messages import bounds
from virtpulse.units import Duration


def test_without_a_source_the_samples_carry_this_machines_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "kvm-07.example")
    assert source_of(HostSettings()) == "kvm-07.example"
    assert source_of(HostSettings(source="kvm-07/web-3")) == "kvm-07/web-3"


@pytest.mark.parametrize(
    ("name", "source"),
    [("my host", "my-host"), ("büro", "b-ro"), ("", "localhost"), ("..", "localhost"), ("a/b", "a-b"), ("-x-", "x")],
)
def test_a_host_name_is_made_fit_for_a_source(name: str, source: str) -> None:
    assert source_from(name) == source


@given(st.text(max_size=300))
def test_any_host_name_gives_a_source(name: str) -> None:
    source = source_from(name)
    assert bounds.is_source(source)
    assert "/" not in source


@pytest.mark.parametrize("source", ["../x", "a//b", "a b", "/a", "a/" * 8 + "a", "x" * 256, "a\n"])
def test_a_source_that_no_sample_may_carry_is_refused(source: str) -> None:
    with pytest.raises(ValueError, match="source must be empty or a path"):
        HostSettings(source=source)


@pytest.mark.parametrize("interval", [0.0, 0.001, 1e10, float("nan")])
def test_an_interval_out_of_range_is_refused(interval: float) -> None:
    with pytest.raises(ValueError, match="interval must be from 10ms to 1d"):
        HostSettings(interval=Duration(interval))


def test_an_unknown_setting_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="sauce"):
        msgspec.convert({"sauce": "x"}, HostSettings)


@given(st.text(min_size=1, max_size=30))
def test_any_name_gives_the_device_part_of_a_key_and_no_two_names_the_same(name: str) -> None:
    device = device_of(name)
    assert bounds.DEVICE.fullmatch(device)
    assert device.encode()
    assert device_of(name + " ") == device + "%20"


def test_a_name_that_is_no_utf_8_still_gives_a_key() -> None:
    assert device_of("/mnt/\udcff x%") == "/mnt/%FF%20x%25"


def test_excluded_devices_are_left_out() -> None:
    devices = Devices("nic", ("veth*", "docker?"), 10, Notices())
    assert devices.choose(["eth0", "veth12", "docker0", "docker00"]) == [("eth0", "eth0"), ("docker00", "docker00")]


def test_devices_beyond_the_bounds_of_a_sample_are_left_out_and_said_once() -> None:
    devices = Devices("nic", (), 2, Notices())
    with capture_logs() as logs:
        for count in (5, 6):
            names = [f"eth{number}" for number in range(count)] + ["x" * 190]
            assert [device for _, device in devices.choose(names)] == ["eth0", "eth1"]
    assert [log["what"] for log in logs] == ["nics with long names", "further nics"]
    assert all("exclude_nics" in log["reason"] for log in logs)


def test_a_process_that_only_samples_imports_nothing_heavy() -> None:
    code = (
        "import sys, producers.host; print([m for m in ('numpy', 'rich', 'aiokafka', 'aiomqtt', 'sqlite3') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert out.stdout.strip() == "[]"
