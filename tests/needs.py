"""The marker `needs`: tests of a program that is missing are left out, which is said at the end; in CI none may be."""

import os
from collections.abc import Iterator

import pytest

from tests.programs import PROGRAMS

_LEFT_OUT = pytest.StashKey[dict[str, list[str]]]()


@pytest.hookimpl(trylast=True)  # behind what `-m` and `-k` leave out, so that only tests that would have run are listed
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Take out the tests whose program is missing. Raises UsageError in CI, and for a program that is not known."""
    missing: dict[str, list[str]] = {}
    left_out = []
    for item in items:
        lacks = sorted({name for name in _named(item) if not PROGRAMS[name].present()})
        if lacks:
            left_out.append(item)
        for name in lacks:
            missing.setdefault(name, []).append(item.nodeid)
    if missing and os.environ.get("CI"):
        raise pytest.UsageError("\n".join(["in CI no test may be left out", *_told(missing)]))
    config.stash[_LEFT_OUT] = missing
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say which tests were left out, and what to install."""
    missing = config.stash.get(_LEFT_OUT, {})
    if missing:
        terminalreporter.section("left out", yellow=True)
        for line in _told(missing):
            terminalreporter.write_line(line)


def _named(item: pytest.Item) -> Iterator[str]:
    for mark in item.iter_markers("needs"):
        for name in mark.args:
            if name not in PROGRAMS:
                msg = f'{item.nodeid}: needs("{name}") names no program; known are {", ".join(PROGRAMS)}'
                raise pytest.UsageError(msg)
            yield name


def _told(missing: dict[str, list[str]]) -> list[str]:
    lines = []
    for name, tests in missing.items():
        lines.append(f"{name} is missing ({PROGRAMS[name].install}), so these did not run:")
        lines += [f"  {test}" for test in tests]
    return lines
