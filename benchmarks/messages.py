"""Made-up samples of guests, shaped as a hypervisor's: 20 readings and a few facts, about 830 bytes."""

import random
from collections.abc import Iterator, Sequence
from typing import Final

import orjson

from virtpulse.transports.interface import Batch

_VARIANTS: Final = 997  # a prime, so that no source meets the same numbers at a regular distance
_random: Final = random.Random(20)


def _amounts() -> dict[str, object]:
    """Return the four maps with numbers as they come from counters and clocks."""

    def pair(most: float, digits: int) -> list[float]:
        whole = round(_random.uniform(most / 2, most), digits)
        return [round(whole * _random.random(), digits), whole]

    def counts(most: int) -> list[int]:
        return [_random.randrange(5), _random.randrange(most // 2, most)]

    def sizes(most: int) -> list[int]:
        return [_random.randrange(most // 2), most]

    return {
        "resources": {
            "vm.cpu.utilization": pair(4.0, 4),
            "vm.memory.utilization": sizes(8_589_934_592),
            "vm.disk.space@vda": sizes(21_474_836_480),
            "vm.disk.space@vdb": sizes(107_374_182_400),
            "vm.network.io@vnet0": sizes(125_000_000),
            "vm.network.io@vnet1": sizes(125_000_000),
            "vm.disk.busy@vda": pair(1.0, 4),
            "vm.disk.busy@vdb": pair(1.0, 4),
        },
        "performance": {"vm.cpu.delivered": pair(2.0, 4), "vm.disk.served@vda": counts(4_000)},
        "faults": {
            "vm.network.dropped@vnet0.receive": counts(12_000),
            "vm.network.dropped@vnet0.send": counts(12_000),
            "vm.network.errors@vnet0.receive": counts(12_000),
            "vm.network.errors@vnet0.send": counts(12_000),
            "vm.cpu.ready": pair(4.0, 4),
            "vm.memory.fault": counts(900),
        },
        "timings": {
            "vm.disk.time@vda.read": [round(_random.random(), 4), 120],
            "vm.disk.time@vda.write": [round(_random.random(), 4), 80],
            "vm.disk.time@vdb.read": [round(_random.random(), 4), 10],
            "vm.disk.flush@vda": [round(_random.random(), 4), 7],
        },
    }


_BODIES: Final = [orjson.dumps(_amounts())[1:-1] for _ in range(_VARIANTS)]


def sample(number: int, time: float) -> bytes:
    """Return a sample of source `number`, taken at `time`, seconds since the epoch."""
    body = _BODIES[(number * 31 + int(time * 7)) % _VARIANTS]
    return b'{"source":"kvm-%02d/web-%d","time":%.2f,"interval":1.0,%b,"facts":{"vm.id":"5c2b-%08d","vm.state":"running"}}' % (
        number % 50, number, time, body, number,
    )  # fmt: skip


def one_round(sources: int, time: float) -> Iterator[bytes]:
    """Yield a sample of every source, the moments of one second."""
    for number in range(sources):
        yield sample(number, time + number % 97 / 100)


def with_faults(messages: Sequence[bytes], late: Sequence[bytes]) -> list[bytes]:
    """Return the messages, one in a hundred of them twice, and one in a hundred from `late` before it."""
    result: list[bytes] = []
    for index, message in enumerate(messages):
        if index % 100 == 50:
            result.append(messages[index - 7])
        elif index % 100 == 75:
            result.append(late[index])
        result.append(message)
    return result


def batches(messages: Sequence[bytes], size: int, position: int, time: float) -> list[Batch]:
    """Cut messages into batches as the log would give them, taken in at `time`; the first has `position`."""
    return [
        Batch(
            "samples",
            0,
            range(position + start, position + start + len(part)),
            [time] * len(part),
            ["kvm"] * len(part),
            part,
        )
        for start in range(0, len(messages), size)
        for part in (messages[start : start + size],)
    ]
