"""Which sources a name means that is to end, and the samples that say so."""

import pytest

from virtpulse.cli.ending import ending_samples, meant, read_source
from virtpulse.errors import InvalidError, UsageError
from virtpulse.messages.reading import read_sample
from virtpulse.messages.source import Source
from virtpulse.runtime.outgoing import sample_messages
from virtpulse.transports.interface import Message

NOW = 1_795_417_080.0


def view(source: str, **rest: object) -> Source:
    return Source(**{"source": source, "first": 1.0, "last": 2.0, "time": 2.0, **rest})  # type: ignore[arg-type] # fields of it


INVENTORY = [
    view("kvm-07"), view("kvm-07", view="probes"), view("kvm-07/web-3"), view("kvm-07/web-3/disk"), view("kvm-07/web-30"),
    view("kvm-08/web-3", ended="stopped"), view("kvm-08/web-3", view="hypervisor"), view("kvm-070"),
]  # fmt: skip


def names(pattern: str) -> tuple[set[str], set[str]]:
    (found,) = meant([pattern], INVENTORY, "stopped")
    return set(found.own), set(found.below)


def test_a_name_means_the_source_and_everything_below_it() -> None:
    assert names("kvm-07") == ({"kvm-07"}, {"kvm-07/web-3", "kvm-07/web-3/disk", "kvm-07/web-30"})
    assert names("kvm-07/web-3") == ({"kvm-07/web-3"}, {"kvm-07/web-3/disk"})
    assert names("kvm-08") == (set(), {"kvm-08/web-3"})


def test_a_pattern_means_what_matches_it_and_what_is_below() -> None:
    assert names("kvm-07/web-3?") == ({"kvm-07/web-30"}, set())
    assert names("kvm-?7") == ({"kvm-07"}, {"kvm-07/web-3", "kvm-07/web-3/disk", "kvm-07/web-30"})
    assert names("*/web-3")[0] == {"kvm-07/web-3", "kvm-08/web-3"}


@pytest.mark.parametrize(
    ("pattern", "said"),
    [("kvm-07/wbe-3", r"did you mean kvm-07/web-3 or "), ("zzz", "virtpulse sources list shows"), ("", "there is no source")],
)
def test_a_name_that_means_nothing_is_refused_with_what_is_near(pattern: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        meant(["kvm-07", pattern], INVENTORY, "stopped")


def test_each_view_gets_a_valid_sample_once_and_those_that_ended_so_get_none() -> None:
    samples = ending_samples(meant(["kvm-08", "*/web-3", "kvm-07/web-3"], INVENTORY, "stopped"), "stopped", NOW)
    found = [(sample.source, sample.view or "", sample.ended) for sample in samples]
    assert found == [
        ("kvm-07/web-3", "", "stopped"),
        ("kvm-07/web-3/disk", "", "stopped"),
        ("kvm-08/web-3", "hypervisor", "stopped"),
    ]
    messages = sample_messages(samples)
    assert [message.key for message in messages] == ["kvm-07", "kvm-08"]
    assert read_sample(messages[1].value).time == NOW


def test_who_ended_otherwise_ends_anew() -> None:
    assert len(ending_samples(meant(["kvm-08"], INVENTORY, "deleted"), "deleted", NOW)) == 2


def test_a_source_whose_clock_is_ahead_ends_at_its_own_time() -> None:
    (sample,) = ending_samples(meant(["a"], [view("a", time=NOW + 300)], "deleted"), "deleted", NOW)
    assert sample.time == NOW + 300


def test_a_record_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(InvalidError):
        read_source(Message("sources", 0, 0, 1.0, "a", b'{"source": 3}'))
