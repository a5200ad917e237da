"""Secrets come late and are shown nowhere."""

import json
import time
from pathlib import Path

import pytest

from virtpulse.config.secrets import Secret
from virtpulse.errors import UsageError
from virtpulse.redaction import MASK, redact


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


@pytest.mark.parametrize("credentials", ["me:pass", "u:pa/ss", "u:pa@ss", "u:p:a?s#s", ":pass", "token", "u:", 'u:pa"ss'])
def test_users_and_passwords_of_urls_are_hidden(credentials: str) -> None:
    assert redact(f"no answer of kafka://{credentials}@host:9092/x (1)") == f"no answer of kafka://{MASK}@host:9092/x (1)"


@pytest.mark.parametrize("text", ["local:a@b", "kafka://host:9092/x", "mqtts://host a@b", "no://answer yet, mail a@b"])
def test_what_holds_no_credentials_stays(text: str) -> None:
    assert redact(text) == text


def test_a_line_of_json_loses_credentials_and_nothing_else() -> None:
    line = json.dumps({"url": 'a://u:p"@,w@h', "b": "c://d", "e@f": ["g://t@h", "i@j"]}, separators=(",", ":"))
    assert json.loads(redact(line)) == {"url": f"a://{MASK}@h", "b": "c://d", "e@f": [f"g://{MASK}@h", "i@j"]}


def test_a_hostile_text_is_looked_through_once() -> None:
    text = "://" * 300_000
    begun = time.process_time()
    assert redact(text) == text
    assert time.process_time() - begun < 2


def test_secrets_are_equal_if_they_refer_to_the_same() -> None:
    assert Secret("${A}") == Secret("${A}")
    assert len({Secret("${A}"), Secret("${A}"), Secret("${B}")}) == 2


def test_the_parameters_of_an_address_are_hidden() -> None:
    said = redact('the transport "foo://u:pw@h?password=hunter2pw&tls=1" is not known')
    assert said == f'the transport "foo://{MASK}@h?password={MASK}&tls={MASK}" is not known'
