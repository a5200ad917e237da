import pytest

from sinks.chat.reasons import Record, reason
from virtpulse.redaction import hide


@pytest.mark.parametrize(
    ("records", "words"),
    [
        (["Failed to handshake with Matrix server: Unauthorized - Invalid Token., error=403."], "refused the login"),
        (
            ["Failed to handshake with Matrix server: error=403.", "Could not join Matrix room !x."],
            "does not let us into the room",
        ),
        (["A Connection error occurred.", "Socket Exception: (535, b'5.7.8 Bad credentials')"], "refused the login"),
        (["A Connection error occurred.", "Socket Exception: [Errno 111] Connection refused"], "is not running there"),
        (["A Connection error occurred.", "Socket Exception: Read timed out. (read timeout=4.0)"], "did not answer in time"),
        (["A Connection error occurred.", "Socket Exception: Name or service not known"], "has a host name that is not known"),
        (
            ["A Connection error occurred.", "Socket Exception: [SSL: CERTIFICATE_VERIFY_FAILED]"],
            "cannot prove that it is itself",
        ),
        (["Failed to send Slack notification: error=404."], "does not know the room or address"),
        (["Failed to send ntfy notification: error=503."], "has a failure of its own"),
        (["A Connection error occurred."], "cannot be reached"),
        ([], "did not take the message"),
    ],
)
def test_the_records_of_a_failure_say_why(records: list[str], words: str) -> None:
    told = [Record(text, warning=not text.startswith("Socket")) for text in records]
    assert reason(told).words.startswith(words)


def test_a_service_that_throttles_says_for_how_long_within_bounds() -> None:
    assert reason([Record("Matrix server requested we throttle back 4500ms; retries left 1.", warning=True)]).after == 4.5
    assert reason([Record("requested we throttle back 999999999ms", warning=True)]).after == 3600.0


def test_a_reason_that_nobody_knows_is_shown_without_secrets_and_markup() -> None:
    hide("hunter2-hunter2")
    found = reason([Record("Odd: json://u:hunter2-hunter2@h/ said <!channel> @room", warning=True)])
    assert found.words == "did not take the message: Odd: json[:]//∗∗∗(at)h/ said ‹!channel› (at)room"  # noqa: RUF001 as they are shown
