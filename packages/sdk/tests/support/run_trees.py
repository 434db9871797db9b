"""Runs from nested steps, and strategies of them: what comparisons are tested with."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from itertools import combinations, product
from typing import Any

from hypothesis import strategies as st
from recordings import RUN_ID, load, make_payload, make_run, make_span, span_id

from agenttrace.trace import RecordedRun

OTHER_ID = "0193a5f0c0de70008000000000000002"


@dataclass(frozen=True)
class Typed:
    """A value that JSON shows as a list, and the type that it was recorded with."""

    value: Any
    type: str


@dataclass
class Step:
    """A span to be: its fields beside those that `make_run_of` gives it, and the steps within."""

    name: str
    output: Any = None
    input: Any = None
    children: list[Step] = field(default_factory=list)
    type: str = "CUSTOM"
    lane: int = 0
    fields: dict[str, Any] = field(default_factory=dict)


def llm(name: str, prompt: Any, answer: Any, **fields: Any) -> Step:
    """Return a model call."""
    return Step(name, answer, prompt, type="LLM_CALL", fields=fields)


def tool(name: str, arguments: Any, result: Any, **fields: Any) -> Step:
    """Return a tool call."""
    return Step(name, result, arguments, type="TOOL_CALL", fields=fields)


def make_run_of(
    steps: list[Step],
    *,
    run_id: str = RUN_ID,
    shift_ns: int = 0,
    first_id: int = 1,
    **fields: Any,
) -> RecordedRun:
    """Return a run of some steps: ids and `seq` count on in pre-order, starts and ends in one."""
    return load(write_records(steps, run_id=run_id, shift_ns=shift_ns, first_id=first_id, **fields))


def write_records(
    steps: list[Step],
    *,
    run_id: str = RUN_ID,
    shift_ns: int = 0,
    first_id: int = 1,
    **fields: Any,
) -> list[dict[str, Any]]:
    """Return the records of such a run."""
    run = make_run(run_id, **{"rev": 1, "status": "COMPLETED", "complete": True, **fields})
    run["start_ns"] += shift_ns
    records = [run]
    seq = 0
    stack: list[tuple[Step, str | None] | dict[str, Any]] = [
        (step, None) for step in reversed(steps)
    ]
    while stack:
        seq += 1
        top = stack.pop()
        if isinstance(top, dict):  # a span whose steps are done: it ends
            top.setdefault("end_seq", seq)
            continue
        step, parent = top
        record = _make_record(step, len(records) - 1 + first_id, seq)
        record |= {"run_id": run_id, "parent_span_id": parent}
        record["start_ns"] += shift_ns
        record["end_ns"] += shift_ns
        record |= step.fields
        if "end_seq" not in step.fields:
            del record["end_seq"]
        records.append(record)
        stack.append(record)
        stack.extend((child, record["span_id"]) for child in reversed(step.children))
    return records


def _make_record(step: Step, number: int, seq: int) -> dict[str, Any]:
    record = make_span(number, name=step.name, span_type=step.type, seq=seq, lane=step.lane)
    for part, value in (("input", step.input), ("output", step.output)):
        if isinstance(value, Typed):
            typed = {"codec": "typed", "types": {"": value.type}}
            record[part] = make_payload(value.value) | typed
        elif value is not None:
            record[part] = make_payload(value)
    assert record["span_id"] == span_id(number)
    return record


def pair(base: list[Step], head: list[Step]) -> tuple[RecordedRun, RecordedRun]:
    """Return two runs, each of its steps."""
    return make_run_of(base), make_run_of(head, run_id=OTHER_ID, first_id=1_000)


# Strategies

# Every value of each kind, and of each kind about as many: one choice draws one, where choosing a
# kind and then its parts took four fifths of the time of the laws.
_KINDS: tuple[list[Any], ...] = (
    [None],
    [False, True],
    [0, 1, 2, 3, -1, -2, -3],
    [0.5, 0.1 + 0.2, -0.0, 1e300, {"$float": "NaN"}, {"$float": "-Infinity"}],
    ["", "a", "ü", "\u202e", "日本", "a\u0000b", "👩‍🚀", "call_Zk3x9Qw81"],
    [
        dict(zip(names, numbers, strict=True))
        for size in range(3)
        for names in combinations(("x", "ÿ", "arguments"), size)
        for numbers in product(range(3), repeat=size)
    ],
    [list(items) for size in range(4) for items in product(range(3), repeat=size)],
    [Typed([1], "tuple"), Typed([1], "set")],
)
_MOST = max(map(len, _KINDS))
VALUES: st.SearchStrategy[Any] = st.sampled_from(
    [value for kind in _KINDS for value in kind * (_MOST // len(kind))]
).map(deepcopy)


@st.composite
def steps(
    draw: st.DrawFn,
    *,
    names: str = "abc",
    max_size: int = 14,
    lanes: int = 3,
    values: st.SearchStrategy[Any] = VALUES,
    types: tuple[str, ...] = ("CUSTOM", "TOOL_CALL", "LLM_CALL"),
) -> list[Step]:
    """Return nested steps, many of them alike."""
    # Depth, name, lane and type as one number: what is drawn together takes the time of one.
    places = list(product(range(5), names, range(lanes), types))
    shape = st.integers(0, len(places) - 1)
    drawn = draw(st.lists(st.tuples(shape, values, values), max_size=max_size))
    tops: list[Step] = []
    path: list[Step] = []
    for number, given, said in drawn:
        depth, name, lane, kind = places[number]
        step = Step(name, said, given, type=kind, lane=lane)
        del path[depth:]
        (path[-1].children if path else tops).append(step)
        path.append(step)
    return tops


def copy_steps(tops: list[Step]) -> list[Step]:
    """Return equal steps that can be changed."""
    return [
        Step(
            step.name,
            step.output,
            step.input,
            copy_steps(step.children),
            step.type,
            step.lane,
            dict(step.fields),
        )
        for step in tops
    ]


def list_steps(tops: list[Step]) -> list[Step]:
    """Return steps in pre-order."""
    found: list[Step] = []
    stack = list(reversed(tops))
    while stack:
        step = stack.pop()
        found.append(step)
        stack.extend(reversed(step.children))
    return found


@st.composite
def edited(draw: st.DrawFn, base: list[Step]) -> tuple[list[Step], float]:
    """Return steps with a few leaves changed, gone or new, and what these edits cost in all."""
    head = copy_steps(base)
    cost = 0.0
    for number in range(draw(st.integers(0, 3))):
        every = list_steps(head)
        leaves = [step for step in every if not step.children]
        kind = draw(st.sampled_from(["add", "remove", "change"]))
        if kind == "add" or not leaves:
            holder = draw(st.sampled_from([None, *every]))
            siblings = head if holder is None else holder.children
            lane = siblings[0].lane if siblings else 0
            place = draw(st.integers(0, len(siblings)))
            siblings.insert(place, Step(draw(st.sampled_from("abx")), f"new {number}", lane=lane))
            cost += 1
            continue
        leaf = draw(st.sampled_from(leaves))
        if kind == "change":
            leaf.output = f"changed {number}"
            cost += 0.5
        else:
            for siblings in [head, *(step.children for step in every)]:
                siblings[:] = [step for step in siblings if step is not leaf]
            cost += 1
    return head, cost
