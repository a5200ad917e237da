"""What can be set of the console."""

from typing import Annotated, Literal

import msgspec

from virtpulse.units import Duration

Format = Literal["auto", "live", "lines", "json"]


class ConsoleSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of `[sinks.console]`.

    format: `live` is a table that repaints itself, `lines` a line of text for each metric, `json` one document a line;
    `auto` takes `live` on a terminal, `lines` on a terminal that cannot move its cursor, `json` where the output is
    a pipe or a file.
    alerts: how many alerts stand above the live table at most, those that fire and those resolved in the last 30 s; 0 shows none.
    `lines` has a line for each change of an alert, unless this is 0. `json` has aggregates only: `virtpulse watch alerts
    --json` has the alerts.
    rows: how many rows the live table remembers at most; the one that was silent for longest goes first.
    quiet: after this long without news (and three windows) a row is dimmed and moves to the end.
    forget: after this long without news (and ten windows) a row goes.
    """

    format: Format = "auto"
    alerts: Annotated[int, msgspec.Meta(ge=0, le=100)] = 5
    rows: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 5_000
    quiet: Duration = Duration(30)
    forget: Duration = Duration(300)
