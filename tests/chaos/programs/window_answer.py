"""What a log of samples must lead to, found by sorting and grouping, and how a worker's output differs from it."""

import bisect
import json
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.chaos.programs.window_log import FAMILIES, Document, Plan, View


@dataclass(slots=True)
class Group:
    """What belongs to one window: its documents in the order of the log, and how often one came again."""

    documents: list[Document] = field(default_factory=list)
    repeated: int = 0


class Answer(NamedTuple):
    """What the log must lead to: aggregates by view and window, late samples in the order of each view."""

    aggregates: dict[tuple[View, float], Document]
    late: dict[View, list[tuple[Document, list[list[float]]]]]


def sort_and_group(lines: Sequence[Sequence[str]], plan: Plan) -> Answer:
    """Work the answer out, one view after the other, with the whole log at hand."""
    by_view: dict[View, list[str]] = defaultdict(list)
    for line in lines:
        for raw in line:
            document = json.loads(raw)
            by_view[document["source"], document.get("view", "")].append(raw)
    answer = Answer({}, {})
    for view, raws in by_view.items():
        groups, late, newest = _group(raws, plan)
        answer.late[view] = [(document, missed) for _, document, missed in late]
        closed_at = {start: bisect.bisect_left(newest, start + plan.size + plan.lateness) for start in groups}
        late_at, told = [index for index, _, _ in late], 0
        for start in sorted(groups, key=lambda start: (closed_at[start], start)):
            until = bisect.bisect_right(late_at, closed_at[start])
            answer.aggregates[view, start] = _aggregate(view, start, groups[start], until - told, plan)
            told = until
    return answer


def _group(
    raws: Sequence[str], plan: Plan
) -> tuple[dict[float, Group], list[tuple[int, Document, list[list[float]]]], list[float]]:
    """Return the windows of a view, its late documents with their index, and the newest event time after each document."""
    groups: dict[float, Group] = defaultdict(Group)
    late, newest, seen = [], list[float](), set[tuple[float, str]]()
    for index, raw in enumerate(raws):
        document = json.loads(raw)
        before = newest[-1] if newest else -math.inf
        newest.append(max(before, document["time"]))
        starts = list(_starts(document["time"], plan))
        still_open = [start for start in starts if start + plan.size + plan.lateness > before]
        if any((start, raw) in seen for start in still_open):
            for start in still_open:
                groups[start].repeated += 1
            continue
        for start in still_open:
            groups[start].documents.append(document)
            seen.add((start, raw))
        missed = [[start, start + plan.size] for start in starts if start not in still_open]
        if missed:
            late.append((index, document, missed))
    return groups, late, newest


def _starts(moment: float, plan: Plan) -> Iterator[float]:
    first = math.floor((moment - plan.size) / plan.hop)
    for number in range(first, first + 3 + math.ceil(plan.size / plan.hop)):
        if number * plan.hop <= moment < number * plan.hop + plan.size:
            yield number * plan.hop


def _aggregate(view: View, start: float, group: Group, late: int, plan: Plan) -> Document:
    facts: Document = {}
    for document in group.documents:
        facts |= document.get("facts", {})
    cells = {}
    for family in FAMILIES:
        pairs = defaultdict(list)
        for document in group.documents:
            for key, pair in document.get(family, {}).items():
                pairs[key].append(pair)
        cells[family] = {key: _cell(family, found) for key, found in pairs.items()}
    named = {"source": view[0]} | ({"view": view[1]} if view[1] else {})
    counts = {"samples": len(group.documents), "late": late, "repeated": group.repeated}
    return {**named, "start": start, "end": start + plan.size, **counts, **cells, "facts": facts}


def _cell(family: str, pairs: Sequence[Sequence[float]]) -> Document:
    factor = 1 if family == "timings" else 100
    part, whole = math.fsum(pair[0] for pair in pairs), math.fsum(pair[1] for pair in pairs)
    shares = [factor * pair[0] / pair[1] for pair in pairs if pair[1]]
    known = whole > 0 and not any(pair[0] and not pair[1] for pair in pairs)
    names = ("seconds", "operations", "mean") if family == "timings" else ("part", "whole", "ratio")
    numbers = (part, whole, factor * part / whole if known else None)
    ends = (min(shares), max(shares), shares[-1]) if shares else (None, None, None)
    return dict(zip((*names, "min", "max", "last", "count"), (*numbers, *ends, len(pairs)), strict=True))


def differences(answer: Answer, aggregates: Sequence[bytes], late: Sequence[bytes]) -> Iterator[str]:
    """Say in what the worker's output differs from the answer."""
    found: dict[tuple[View, float], Document] = {}
    for line in aggregates:
        document = json.loads(line)
        place = (document["source"], document.get("view", "")), document["start"]
        if place in found:
            yield f"twice: {place}"
        found[place] = document
    for place in found.keys() ^ answer.aggregates.keys():
        yield f"{'missing' if place in answer.aggregates else 'not asked for'}: {place}"
    for place in found.keys() & answer.aggregates.keys():
        if not _alike(found[place], answer.aggregates[place]):
            yield f"different: {found[place]} is not {answer.aggregates[place]}"
    came_late = defaultdict(list)
    for line in late:
        document = json.loads(line)
        missed = document.pop("missed")
        came_late[document["source"], document.get("view", "")].append((document, missed))
    for view in came_late.keys() | answer.late.keys():
        if came_late[view] != answer.late.get(view, []):
            yield f"other late samples than {len(answer.late.get(view, []))} of {view}: {len(came_late[view])}"


def _alike(one: Any, other: Any) -> bool:  # noqa: ANN401 any JSON
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_alike(one[key], other[key]) for key in one)
    if isinstance(one, float) and isinstance(other, (int, float)):
        return math.isclose(one, other, rel_tol=1e-9)
    return bool(one == other)
