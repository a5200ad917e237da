"""What the linters cannot hold: sizes, work left undone, tests that do not run, ignores without a reason, light packages."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("virtpulse", "producers", "processors", "sinks")
FOLDERS = (*PACKAGES, "tests", "benchmarks", "docs", "examples")
SOURCES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
MOST_LINES = 400
MOST_LINES_OF_A_FUNCTION = 60

UNDONE = re.compile("T[O]DO|FIXM[E]|X[X]X|H[A]CK")
NOT_RUN = re.compile(r"pytest\.(?:skip|xfail|importorskip)|mark\.(?:skip|xfail)")
SUPPRESSED = re.compile(r"#\s*(?:noqa|type:\s*ignore)(?P<rest>.*)")
WITH_REASON = re.compile(r"(?::\s*[A-Z]+[0-9]+(?:,\s*[A-Z]+[0-9]+)*|\[[a-z-]+(?:,\s*[a-z-]+)*\])\s+\S+\s+\S+.*")
# what the front door of a package may import: names of its own, never a library
OWN = {*PACKAGES, "typing", "collections", "importlib"}


def _named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _trees() -> Iterator[tuple[Path, ast.Module]]:
    for path in SOURCES:
        yield path, ast.parse(path.read_text(encoding="utf-8"))


def test_no_file_is_long() -> None:
    sizes = {_named(path): path.read_text(encoding="utf-8").count("\n") for path in SOURCES}
    assert {name: size for name, size in sizes.items() if size >= MOST_LINES} == {}


def test_no_function_is_long() -> None:
    sizes = {
        f"{_named(path)}:{node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for path, tree in _trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {name: size for name, size in sizes.items() if size >= MOST_LINES_OF_A_FUNCTION} == {}


def test_no_work_is_left_undone() -> None:
    assert [_named(path) for path in SOURCES if UNDONE.search(path.read_text(encoding="utf-8"))] == []


def test_every_test_runs() -> None:
    tests = (path for path in SOURCES if path.is_relative_to(ROOT / "tests"))
    assert [_named(path) for path in tests if NOT_RUN.search(path.read_text(encoding="utf-8"))] == []


def test_names_of_test_files_are_unique() -> None:
    names = [path.name for path in SOURCES if path.name.startswith("test_")]
    assert sorted(names) == sorted(set(names))


def test_every_suppression_in_the_code_names_its_rule_and_its_reason() -> None:
    bare = [
        f"{_named(path)}: {found.group()}"
        for path in SOURCES
        if path != Path(__file__)
        for found in SUPPRESSED.finditer(path.read_text(encoding="utf-8"))
        if not WITH_REASON.fullmatch(found["rest"])
    ]
    assert bare == []


def test_every_rule_that_is_ignored_for_all_has_its_reason() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    lint = tomllib.loads(text)["tool"]["ruff"]["lint"]
    rules = {*lint["ignore"], *(rule for rules in lint["per-file-ignores"].values() for rule in rules)}
    told = {rule for line in text.splitlines() if re.search(r"#\s*\S+", line) for rule in re.findall(r'"([A-Z]+[0-9]+)"', line)}
    assert rules - told == set()


@pytest.mark.parametrize("package", PACKAGES)
def test_importing_a_package_imports_no_library(package: str) -> None:
    fronts = list((ROOT / package).rglob("__init__.py"))
    imported = {
        (_named(path), name.partition(".")[0])
        for path in fronts
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        for name in _imports(node)
    }
    assert {(path, name) for path, name in imported if name not in OWN} == set()


def _imports(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []
