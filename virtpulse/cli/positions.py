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
from virtpulse.runtime.closing import closing
from virtpulse.transports.interface import Assigned, Position, Progress, Subscription, Transport

app = App(name="positions", help="Look at, or set, where each group stands in the log.")

To = Literal["start", "end"]

_HEADING: Final = f"{'group':<16} {'topic':<12} {'partition':>9} {'needed':>12} {'following':>12} {'end':>12} {'lag':>10}"
_OWN_WITHIN: Final = 8.0  # seconds; a worker that died is taken over within 5


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
    known = list(wiring.groups(configuration, SystemClock())) if group is None else [group]
    standings = execute(_standings(configuration, known))
    if prints_json(asked=json):
        put_lines(orjson.dumps({**standing._asdict(), "lag": standing.lag}) for standing in standings)
    else:
        put_lines([_HEADING, *map(_row, standings)])


@app.command
def reset(group: str, /, *, to: To = "start", common: Common | None = None) -> None:
    """Set a group to the beginning or the end of what the log holds; its workers must be stopped.

    From the start a processor handles everything again, and its output is there twice.

    **Example**

    `virtpulse positions reset windows --to end`

    Args:
        group: Which group.
        to: Where to.
        common: The options of every command.
    """
    configuration = configured(common or Common())
    groups = wiring.groups(configuration, SystemClock())
    if group not in groups:
        msg = f'the group "{group[:80]}" is not known; there are: {", ".join(groups)}'
        raise UsageError(msg)
    execute(_reset(configuration, group, groups[group], to))


async def _standings(configuration: Configuration, groups: Sequence[str]) -> list[Standing]:
    async with connected(configuration) as transport:
        found: list[Standing] = []
        for group in groups:
            for (topic, partition), position in sorted((await transport.positions(group)).items()):
                end = (await transport.ends(topic)).get(partition, position.following)
                found.append(Standing(group, topic, partition, *position, end))
        return found


async def _reset(configuration: Configuration, group: str, topics: Sequence[str], to: To) -> None:
    async with connected(configuration) as transport:
        targets = await _targets(transport, topics, to)
        subscription = await transport.subscribe(group, topics)
        async with closing(subscription, f"subscription of {group}"):
            await _own(subscription, group, set(targets))
            for partition, positions in targets.items():
                await subscription.transfer([], Progress(partition, positions))


async def _targets(transport: Transport, topics: Sequence[str], to: To) -> Mapping[int, Mapping[str, Position]]:
    targets: dict[int, dict[str, Position]] = {}
    for topic in topics:
        for partition, end in (await transport.ends(topic)).items():
            at = end if to == "end" else 0  # what the log no longer holds is skipped by the next owner
            targets.setdefault(partition, {})[topic] = Position(at, at)
    return targets


async def _own(subscription: Subscription, group: str, wanted: set[int]) -> None:
    """Wait until every partition is ours. Raises RetryableError if another worker keeps one."""
    clock = SystemClock()
    until = clock.monotonic() + _OWN_WITHIN
    missing = set(wanted)
    while missing:
        left = until - clock.monotonic()
        if left <= 0:
            msg = f"nothing was reset: a worker of the group {group} is running; stop it first"
            raise RetryableError(msg)
        event = await subscription.read(1, min(left, 1.0))
        if isinstance(event, Assigned):
            missing.discard(event.partition)


def _row(standing: Standing) -> str:
    group, topic, partition, needed, following, end = standing
    return f"{group:<16} {topic:<12} {partition:>9} {needed:>12} {following:>12} {end:>12} {standing.lag:>10}"
