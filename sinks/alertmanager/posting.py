"""Alerts as Alertmanager's API version 2 takes them."""

from collections.abc import Mapping

import msgspec

from virtpulse.messages.alert import Alert
from virtpulse.messages.moments import from_rfc3339, to_rfc3339


class PostableAlert(msgspec.Struct, kw_only=True, omit_defaults=True, rename={"generator_url": "generatorURL"}):
    """One alert of a POST to /api/v2/alerts, as the API's definition names it.

    It has no `text`: the line is made of the summary and the labels, which are here, and would go on saying that the alert
    fires where the Alertmanager ends it.
    """

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts: str = msgspec.field(name="startsAt")
    ends: str = msgspec.field(name="endsAt")
    generator_url: str = ""


def postable(alert: Alert, now: float, lasting: float) -> PostableAlert:
    """Return the alert as it is posted at `now`, seconds since the epoch.

    One that fires ends `lasting` seconds from now, unless it is posted again until then. One that is resolved has ended by
    now, also where the clock of its source is ahead: an end in the future would let it fire on. None ends before it starts,
    which the Alertmanager refuses.
    """
    starts = from_rfc3339(alert.starts_at)
    if alert.status == "firing":
        ends = max(now, starts) + lasting
    else:
        ends = min(from_rfc3339(alert.ends_at), now)
        starts = min(starts, ends)
    return PostableAlert(
        labels=alert.labels,
        annotations=alert.annotations,
        starts=to_rfc3339(starts),
        ends=to_rfc3339(ends),
        generator_url=alert.generator_url,
    )
