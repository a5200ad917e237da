"""`virtpulse positions`."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple

import orjson
from cyclopts import App

from virtpulse import wiring
from virtpulse.cli.common import Common, configured
from virtpulse.cli.executing import connected, execute
from virtpulse.cli.printing import prints_json, put_lines
from virtpulse.clock import SystemClock
from virtpulse.config.load import Configuration
from virtpulse.errors import RetryableError, UsageError
from virtpulse.logs import get_logger
from virtpulse.runtime.closing import closing, closing_generator
from virtpulse.topics import ALERT_STATES, NOTIFICATIONS, SOURCES
from virtpulse.transports.interface import Assigned, Outgoing, Position, Progress, Subscription, Transport

app = App(name="positions", help="Look at, or set, where each group stands in the log.")

_log = get_logger(__name__)

To = Literal["start", "end"]

_HEADING: Final = f"{'group':<16} {'topic':<12} {'partition':>9} {'needed':>12} {'following':>12} {'end':>12} {'lag':>10}"
_OWN_WITHIN: Final = 8.0  # seconds; a worker that died is taken over within 5
_STEP: Final = 5_000  # messages that are stored as one step
_MEANING: Final = {  # of a removed state, by its topic
    SOURCES: "the inventory of sources, and the windows that were open",
    ALERT_STATES: "what fired: nobody is told that it is resolved, and what is still wrong fires anew",
    NOTIFICATIONS: "who was told what: all that fires is told again",
}


class Standing(NamedTuple):
    """Where a group stands in a partition of a topic; `lag` counts the positions up to the log's end."""

    group: str
    topic: str
    partition: int
    first_needed: int
    following: int
    end: int

    @property
    def lag(self) -> int:
        """Positions that are still to be processed."""
        return max(self.end - self.following, 0)


@app.command
def show(
    group: str | None = None,
    /,
    *,
    json: bool = False,
    common: Common | None = None,
) -> None:
    """Show where groups stand: the first message that open state needs, and the next one to be processed.

    **Example**

    `virtpulse positions show windows`

    Args:
        group: Only this group; without it all groups that have read something.
        json: Print JSON lines; by itself where standard output is no terminal.
        common: The options of every command.
    """
    configuration = configured(common or Common())
    groups = wiring.groups(configuration)
    if group is not None:
        _require(group, groups)
    standings = execute(_standings(configuration, list(groups) if group is None else [group]))
    if prints_json(asked=json):
        put_lines(orjson.dumps({**standing._asdict(), "lag": standing.lag}) for standing in standings)
    else:
        put_lines([_HEADING, *map(_row, standings)])


@app.command
def reset(group: str, /, *, to: To, common: Common | None = None) -> None:
    """Set a group to the beginning or the end of what the log holds; its workers must be stopped.

    What it remembers is removed with it. From the start it handles everything again, and its output is in the log twice. At
    the end it takes up only what comes from then on.

    windows: the inventory of sources is removed; windows that are open are dropped, their samples with them.

    alerts: what fires vanishes, and nobody is told that it is resolved; what is still wrong fires anew.

    chat, webhook, alertmanager: who was told what is forgotten, and all that fires is told again.

    **Example**

    `virtpulse positions reset windows --to end`

    Args:
        group: Which group.
        to: Where to.
        common: The options of every command.
    """
    configuration = configured(common or Common())
    groups = wiring.groups(configuration)
    _require(group, groups)
    execute(_reset(configuration, group, groups[group], to))
    _log.info("position set", group=group, to=to, lost=_lost(groups[group]))


def _lost(group: wiring.Group) -> str:
    """Return what it means that the state of a group was removed."""
    return "; ".join(_MEANING[topic] for topic in group.states if topic in _MEANING) or "nothing"


def _require(group: str, groups: Mapping[str, wiring.Group]) -> None:
    if group not in groups:
        msg = f'the group "{group[:80]}" is not known; there are: {", ".join(groups)}'
        raise UsageError(msg)


async def _standings(configuration: Configuration, groups: Sequence[str]) -> list[Standing]:
    async with connected(configuration) as transport:
        found: list[Standing] = []
        for group in groups:
            for (topic, partition), position in sorted((await transport.positions(group)).items()):
                end = (await transport.ends(topic)).get(partition, position.following)
                found.append(Standing(group, topic, partition, *position, end))
        return found


async def _reset(configuration: Configuration, name: str, group: wiring.Group, to: To) -> None:
    async with connected(configuration) as transport:
        targets = await _targets(transport, group.inputs, to)
        subscription = await transport.subscribe(name, group.inputs)
        async with closing(subscription, f"subscription of {name}"):
            for partition, before in (await _own(subscription, name, set(targets))).items():
                removals = await _removals(transport, group, partition)
                while len(removals) > _STEP:
                    await subscription.transfer(removals[:_STEP], Progress(partition, before))
                    del removals[:_STEP]
                await subscription.transfer(removals, Progress(partition, targets[partition]))


async def _removals(transport: Transport, group: wiring.Group, partition: int) -> list[Outgoing]:
    """Return what removes all state of a partition: with it, what is read again would be late for windows closed before."""
    removals: list[Outgoing] = []
    for topic in group.states:
        async with closing_generator(transport.latest(topic, partition), f"latest of {topic}") as batches:
            removals += [Outgoing(topic, key, b"", partition) async for batch in batches for key in batch.keys if group.owns(key)]
    return removals


async def _targets(transport: Transport, topics: Sequence[str], to: To) -> Mapping[int, Mapping[str, Position]]:
    targets: dict[int, dict[str, Position]] = {}
    for topic in topics:
        for partition, end in (await transport.ends(topic)).items():
            at = end if to == "end" else 0  # what the log no longer holds is skipped by the next owner
            targets.setdefault(partition, {})[topic] = Position(at, at)
    return targets


async def _own(subscription: Subscription, group: str, wanted: set[int]) -> Mapping[int, Mapping[str, Position]]:
    """Wait until every partition is ours; return where each stands. Raises RetryableError if another worker keeps one."""
    clock = SystemClock()
    until = clock.monotonic() + _OWN_WITHIN
    owned: dict[int, Mapping[str, Position]] = {}
    while wanted - owned.keys():
        left = until - clock.monotonic()
        if left <= 0:
            msg = f"nothing was reset: a worker of the group {group} is running; stop it first"
            raise RetryableError(msg)
        event = await subscription.read(1, min(left, 1.0))
        if isinstance(event, Assigned):
            owned[event.partition] = event.positions
    return owned


def _row(standing: Standing) -> str:
    group, topic, partition, needed, following, end = standing
    return f"{group:<16} {topic:<12} {partition:>9} {needed:>12} {following:>12} {end:>12} {standing.lag:>10}"
