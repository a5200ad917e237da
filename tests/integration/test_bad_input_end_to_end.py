"""Everything that may come from a network, sent by `publish --raw`: told in the dead letters, and the good samples count."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest

pytestmark = pytest.mark.slow

COMMAND: Final = (sys.executable, "-P", "-m", "virtpulse")
FIRST_BYTES: Final = 1_000
DAY: Final = 86_400
NOW: Final = int(time.time())
WORKER_MB: Final = 160
MORE_MB: Final = 90

# a small process in between, because the figure of a process begins with that of the one that started it
MEASURE: Final = """\
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""

Document = dict[str, Any]


def body(inner: str) -> bytes:
    return f'{{"source":"a","time":{NOW},{inner}}}'.encode()


def metrics(text: str) -> bytes:
    return body(f'"resources":{{{text}}}')


def source(text: str) -> bytes:
    return f'{{"source":"{text}","time":{NOW}}}'.encode()


def at(text: str) -> bytes:
    return f'{{"source":"a","time":{text}}}'.encode()


BAD: Final = {
    "not JSON": (b"hello", "message"),
    "a number instead of an object": (b"5", "message"),
    "an array of 100,000 levels": (b"[" * 100_000 + b"]" * 100_000, "message"),
    "an object of 100,000 levels": (body('"x":' + '{"a":' * 100_000 + "1" + "}" * 100_000), "message"),
    "invalid UTF-8": (b'{"source":"a","time":1,"facts":{"x":"\xff\xfe"}}', "message"),
    "no source": (b'{"time":1}', "source"),
    "a source that climbs": (source("../x"), "source"),
    "a source with a newline": (source("a\\nb"), "source"),
    "a source with #": (source("a/#"), "source"),
    "a source with +": (source("+/a"), "source"),
    "a source of 10,000 characters": (source("a" * 10_000), "source"),
    "time as text": (at('"yesterday"'), "time"),
    "time NaN": (at("NaN"), "time"),
    "time 1e300": (at("1e300"), "time"),
    "time negative": (at("-1"), "time"),
    "time a day ahead": (at(str(NOW + DAY)), "time"),
    "a pair of three": (metrics('"m.x":[1,2,3]'), "resources.m.x"),
    "a pair of text": (metrics('"m.x":["1","2"]'), "resources.m.x"),
    "a pair of null": (metrics('"m.x":[null,null]'), "resources.m.x"),
    "a pair of infinities": (metrics('"m.x":[Infinity,-Infinity]'), "resources.m.x"),
    "a pair of 1e999": (metrics('"m.x":[1,1e999]'), "resources.m.x"),
    "a negative pair": (metrics('"m.x":[-1,2]'), "resources.m.x"),
    "a pair of 1e308": (metrics('"m.x":[1e308,1e308]'), "resources.m.x"),
    "a key with a space": (metrics('"m x":[1,2]'), "resources.m x"),
    "a key with a control character": (metrics('"m\\u0007":[1,2]'), "resources.m\\x07"),
    "100,000 metrics": (metrics(",".join(f'"m{number}":[1,2]' for number in range(50_000))), "resources"),
    "a key twice": (metrics('"m.x":[1,2],"m.x":[3,4]'), "resources.m.x"),
    "a name twice": (b'{"source":"a","source":"b","time":1}', "source"),
}
TWO_MIB: Final = b'{"source":"a","time":1,"facts":{"x":"' + b"x" * (2 << 20) + b'"}}'
ARRAY: Final = 10_000


def good(number: int) -> bytes:
    return json.dumps({"source": "good", "time": NOW + number / 1e6, "resources": {"m.x": [1, 2]}}).encode()


def big_array() -> bytes:
    """Return 10,000 documents, every third one wrong."""
    wrong = b'{"source":"good","time":"soon"}'
    return b"[" + b",".join(wrong if number % 3 == 2 else good(number) for number in range(ARRAY)) + b"]"


def virtpulse(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    command = [*COMMAND, *arguments, "--transport", f"local:{folder}/log.db"]
    return subprocess.run(command, capture_output=True, cwd=folder, check=False, timeout=60)


def publish(folder: Path, lines: Sequence[bytes]) -> subprocess.CompletedProcess[bytes]:
    file = folder / "lines"
    file.write_bytes(b"\n".join(lines) + b"\n")
    return virtpulse(folder, "publish", "samples", "--raw", file)


def drain(folder: Path) -> float:
    """Run the worker to its end and return the most memory that it had resident, in MB."""
    command = [*COMMAND, "run", "processor", "windows", "--drain", "--transport", f"local:{folder}/log.db"]
    measured = subprocess.run([sys.executable, "-c", MEASURE, *command], capture_output=True, cwd=folder, check=False, timeout=60)
    assert measured.returncode == 0, measured.stderr
    return int(measured.stdout) / 1_024


def watch(folder: Path, topic: str) -> list[Document]:
    done = virtpulse(folder, "watch", topic, "--from", "start", "--drain", "--json")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def samples_of(aggregates: Sequence[Document], name: str) -> int:
    return sum(aggregate["samples"] for aggregate in aggregates if aggregate["source"] == name)


def test_every_bad_line_is_a_dead_letter_and_every_good_one_counts(tmp_path: Path) -> None:
    lines = [line for number, (bad, _) in enumerate(BAD.values()) for line in (bad, good(number))]
    sent = publish(tmp_path, lines)
    assert sent.returncode == 0, sent.stderr
    assert drain(tmp_path) < WORKER_MB
    letters = watch(tmp_path, "deadletters")
    assert [letter["position"] for letter in letters] == list(range(0, len(lines), 2))
    for letter, (name, (value, field)) in zip(letters, BAD.items(), strict=True):
        assert letter["field"] == field, name
        assert letter["reason"], name
        assert (letter["topic"], letter["partition"]) == ("samples", 0), name
        assert letter["message"] == value[:FIRST_BYTES].decode("utf-8", "backslashreplace"), name
        assert abs(letter["time"] - NOW) < DAY / 2, name
    aggregates = watch(tmp_path, "aggregates")
    assert {aggregate["source"] for aggregate in aggregates} == {"good"}
    assert samples_of(aggregates, "good") == len(BAD)


def test_two_mib_are_told_and_cost_no_neighbour(tmp_path: Path) -> None:
    sent = publish(tmp_path, [good(1), TWO_MIB, good(2)])
    assert drain(tmp_path) < WORKER_MB
    assert samples_of(watch(tmp_path, "aggregates"), "good") == 2
    (letter,) = watch(tmp_path, "deadletters")
    assert letter["field"] == "message"
    assert "1048576" in letter["reason"]
    assert letter["message"] == TWO_MIB[:FIRST_BYTES].decode()
    assert sent.returncode == 0, sent.stderr


def test_the_good_documents_of_an_array_count(tmp_path: Path) -> None:
    assert publish(tmp_path, [big_array()]).returncode == 0
    assert drain(tmp_path) < WORKER_MB
    letters = watch(tmp_path, "deadletters")
    assert [letter["index"] for letter in letters] == list(range(2, ARRAY, 3))
    assert {(letter["field"], letter["position"], letter["message"]) for letter in letters} == {
        ("time", 0, '{"source":"good","time":"soon"}')
    }
    assert samples_of(watch(tmp_path, "aggregates"), "good") == ARRAY - len(letters)


@pytest.mark.timeout(120)
def test_memory_does_not_grow_with_what_is_wrong(tmp_path: Path) -> None:
    """Forty of the largest messages fill what a worker holds at a time; a hundred and sixty must not take 120 MB more."""
    some, many = tmp_path / "some", tmp_path / "many"
    for folder, times in ((some, 40), (many, 160)):
        folder.mkdir()
        assert publish(folder, [TWO_MIB] * times).returncode == 0
    assert drain(many) < drain(some) + MORE_MB
    assert len(watch(many, "deadletters")) == 160
