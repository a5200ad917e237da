from typing import Final

import msgspec

from sinks.alertmanager.posting import postable
from tests.telling import alert
from virtpulse.messages.moments import to_rfc3339

NOW: Final = 1_800_000_000.0


def test_what_fires_ends_four_minutes_from_now_unless_it_is_posted_again() -> None:
    posted = postable(alert(began=NOW - 600), NOW, 240)
    assert (posted.starts, posted.ends) == (to_rfc3339(NOW - 600), to_rfc3339(NOW + 240))


def test_what_is_resolved_has_ended_when_it_ended() -> None:
    posted = postable(alert(began=NOW - 600, ended=NOW - 60), NOW, 240)
    assert (posted.starts, posted.ends) == (to_rfc3339(NOW - 600), to_rfc3339(NOW - 60))


def test_a_source_whose_clock_is_ahead_has_alerts_that_end_now_and_never_before_they_start() -> None:
    resolved = postable(alert(began=NOW + 300, ended=NOW + 400), NOW, 240)
    assert (resolved.starts, resolved.ends) == (to_rfc3339(NOW), to_rfc3339(NOW))
    firing = postable(alert(began=NOW + 300), NOW, 240)
    assert (firing.starts, firing.ends) == (to_rfc3339(NOW + 300), to_rfc3339(NOW + 540))


def test_the_fields_are_those_of_the_api() -> None:
    document = msgspec.json.decode(msgspec.json.encode(postable(alert(began=NOW), NOW, 240)))
    assert set(document) == {"labels", "annotations", "startsAt", "endsAt"}
