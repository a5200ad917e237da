"""Secrets come late and are shown nowhere."""

from pathlib import Path

import pytest

from virtpulse.config.secrets import MASK, Secret, redact
from virtpulse.errors import UsageError


def test_a_variable_is_read_when_the_secret_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = Secret("${VIRTPULSE_TEST_PASSWORD}")
    monkeypatch.setenv("VIRTPULSE_TEST_PASSWORD", "hunter2-of-the-day")
    assert secret.reveal() == "hunter2-of-the-day"


def test_a_file_is_read_without_its_line_end(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("from a file\n", encoding="utf-8")
    assert Secret(f"file:{tmp_path}/password").reveal() == "from a file"


@pytest.mark.parametrize("reference", ["${VIRTPULSE_NOT_SET}", "file:/does/not/exist", "file:/", "file:/\0"])
def test_a_secret_that_cannot_be_had_says_where_it_was_looked_for(reference: str) -> None:
    with pytest.raises(UsageError, match="secret"):
        Secret(reference).reveal()


def test_a_secret_shows_itself_to_nobody() -> None:
    secret = Secret("plain-password")
    for shown in (str(secret), repr(secret), f"{secret}", f"{[secret]!r}", secret.origin):
        assert "plain-password" not in shown


def test_a_reference_may_be_shown_as_it_is_no_secret() -> None:
    assert Secret("${NAME}").origin == "${NAME}"
    assert Secret("file:/run/secrets/x").origin == "file:/run/secrets/x"


def test_a_revealed_secret_is_hidden_wherever_it_turns_up() -> None:
    Secret('very"secret"words').reveal()
    assert redact('login with very"secret"words failed') == f"login with {MASK} failed"
    assert redact(r'{"error": "very\"secret\"words"}') == f'{{"error": "{MASK}"}}'


def test_passwords_of_urls_are_hidden() -> None:
    assert redact("kafka://me:pass@host:9092/x") == f"kafka://me:{MASK}@host:9092/x"
    assert redact("local:a@b") == "local:a@b"


def test_secrets_are_equal_if_they_refer_to_the_same() -> None:
    assert Secret("${A}") == Secret("${A}")
    assert len({Secret("${A}"), Secret("${A}"), Secret("${B}")}) == 2
