"""A worker that judges alerts on a log in memory, by a clock that only the test advances."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import orjson

from processors.alerts.processor import AlertsProcessor
from processors.alerts.rule import Rule
from processors.alerts.settings import AlertsSettings
from virtpulse.messages.alert import Alert, AlertState
from virtpulse.messages.sample import host_of
from virtpulse.runtime.roles import Output
from virtpulse.topics import AGGREGATES, ALERT_STATES, ALERTS, DEADLETTERS, SAMPLES, SOURCES
from virtpulse.transports.interface import Batch

NOON = 1_800_000_000.0
TICK = 0.25


class WorkerClock:
    """A `virtpulse.clock.Clock` for what never sleeps."""

    def __init__(self) -> None:
        self.now = NOON

    def time(self) -> float:
        """Return seconds since the epoch."""
        return self.now

    def monotonic(self) -> float:
        """Return seconds since some fixed moment."""
        return self.now - NOON + 1_000.0

    async def sleep(self, seconds: float) -> None:
        """Do not return: nothing that is tested here waits."""
        raise NotImplementedError(seconds)


class AlertsWorker:
    """An alerts processor with what the runtime does around it: its output is kept, and handed to the next one at a restart.

    alerts: all that was published. states, inventory: the compacted topics, by key. letters: the dead letters.
    """

    def __init__(self, rules: Sequence[Rule] = (), **settings: Any) -> None:  # noqa: ANN401 any of the settings
        self.clock = WorkerClock()
        self.alerts: list[Alert] = []
        self.states: dict[str, bytes] = {}
        self.inventory: dict[str, bytes] = {}
        self.letters: list[dict[str, Any]] = []
        self.refused = 0
        self.log_ahead = 0.0  # seconds by which the log's clock is ahead of the worker's
        self._position = 0
        self.configure(rules, **settings)

    def configure(self, rules: Sequence[Rule], **settings: Any) -> None:  # noqa: ANN401 any of the settings
        """Start anew with these rules."""
        self._settings = AlertsSettings(**{"disable": ("*",), **settings}, rules=tuple(rules))
        self.restart()

    def restart(self) -> None:
        """Drop the worker as a crash would, and start the next one on what the topics hold."""
        self.processor = AlertsProcessor(self._settings, self.clock, 0)
        for topic, held in ((ALERT_STATES, self.states), (SOURCES, self.inventory)):
            if held:
                self.processor.restore(self._batch(topic, list(held), list(held.values())))

    def advance(self, seconds: float) -> None:
        """Let time pass, with the worker at the end of its input."""
        end = self.clock.now + seconds
        while self.clock.now < end:
            self.clock.now = min(self.clock.now + TICK, end)
            self._take(self.processor.tick())

    def away(self, seconds: float) -> None:
        """Let time pass without the worker."""
        self.clock.now += seconds

    def aggregate(self, source: str, end: float, *, late: int = 0, view: str = "", **maps: Mapping[str, Any]) -> None:
        """Judge a window of 10 s that ends `end` seconds after noon; a cell may be given by its ratio alone."""
        families = {
            name: {key: _cell(name, cell) for key, cell in cells.items()} for name, cells in maps.items() if name != "facts"
        }
        document = {
            "source": source, "start": NOON + end - 10, "end": NOON + end, "samples": 10, "late": late, "repeated": 0,
            **({"view": view} if view else {}), **families, "facts": maps.get("facts", {}),
        }  # fmt: skip
        self.handle(AGGREGATES, host_of(source), json.dumps(document).encode())

    def sample(self, source: str, **fields: Any) -> None:  # noqa: ANN401 any field of a sample
        """Hear a sample that was taken now."""
        document = {"source": source, "time": self.clock.now, **{name: value for name, value in fields.items() if value != ""}}
        self.handle(SAMPLES, host_of(source), orjson.dumps(document))

    def record(self, key: str, value: bytes) -> None:
        """Put a record into the inventory, and let the worker see it; an empty one removes it."""
        self.inventory[key] = value
        if not value:
            del self.inventory[key]
        self.handle(SOURCES, key, value)

    def dead_letter(self, key: str) -> None:
        """Let the worker see a dead letter."""
        self.handle(DEADLETTERS, key, b"{}")

    def handle(self, topic: str, key: str, *values: bytes) -> None:
        """Let the worker process messages."""
        batch = self._batch(topic, [key] * len(values), values)
        done = 0
        while done < len(batch):
            output = self.processor.process(batch.slice(done, len(batch)))
            done += len(batch) - done if output.taken is None else output.taken
            self._take(output)

    def drain(self) -> None:
        """Let the worker end as at the end of its input."""
        for output in self.processor.drain():
            self._take(output)

    def living(self) -> dict[str, str]:
        """Return what is remembered, but for the watchdog: name and source of each alert, and where it is in its life."""
        found = (msgspec.json.decode(value, type=AlertState) for value in self.states.values())
        return {f"{one.rule} {one.source}": one.state for one in found if one.rule != "Watchdog"}

    def told(self) -> list[str]:
        """Return what was published, as `STATUS NAME SOURCE`."""
        names = ((one.status, one.labels["alertname"], one.labels.get("host", ""), one.labels.get("vm")) for one in self.alerts)
        return [f"{status} {name} {host}{f'/{vm}' if vm else ''}" for status, name, host, vm in names]

    def _batch(self, topic: str, keys: Sequence[str], values: Sequence[bytes]) -> Batch:
        first, self._position = self._position, self._position + len(values)
        return Batch(topic, 0, range(first, self._position), [self.clock.now + self.log_ahead] * len(values), keys, values)

    def _take(self, output: Output) -> None:
        self.refused += output.refused
        for message in output.messages:
            if message.topic == ALERTS:
                self.alerts.append(msgspec.json.decode(message.value, type=Alert))
            elif message.topic == DEADLETTERS:
                self.letters.append(orjson.loads(message.value))
            else:
                self.states.pop(message.key, None)  # what is written anew stands behind the others
                if message.value:
                    self.states[message.key] = message.value


def _cell(name: str, cell: float | Mapping[str, Any] | None) -> Mapping[str, Any]:
    if isinstance(cell, Mapping):
        return cell
    if name == "timings":
        return {
            "seconds": (cell or 0) * 100,
            "operations": 100,
            "mean": cell,
            "min": cell,
            "max": cell,
            "last": cell,
            "count": 10,
        }
    whole = 0 if cell is None else 100
    return {"part": cell or 0, "whole": whole, "ratio": cell, "min": cell, "max": cell, "last": cell, "count": 10}
