"""What a comparison does with much, and with what nobody would record on purpose (D10)."""

from __future__ import annotations

import random
import sys
from itertools import pairwise

import msgspec
import pytest
from run_trees import OTHER_ID, Step, copy_steps, make_run_of, pair, tool

from agenttrace.diff import Counts, RulesError, compare_runs, invert
from agenttrace.diff.align import budget
from agenttrace.diff.normalise import MAX_NORMALISED_BYTES, Normaliser
from agenttrace.trace import RecordedRun
from agenttrace.trace.records import RecordedPayload
from agenttrace.wire import Fidelity


def chain(depth: int, **fields: object) -> list[Step]:
    top = Step("level 0", 0)
    at = top
    for level in range(1, depth):
        at.children = [Step(f"level {level % 9}", level)]
        at = at.children[0]
    at.output = fields.get("last", depth)
    return [top]


def copy_chain(tops: list[Step], *, without: int) -> list[Step]:
    """Return the same chain without one of its levels; no recursion."""
    levels = []
    at: Step | None = tops[0]
    while at is not None:
        levels.append(Step(at.name, at.output))
        at = at.children[0] if at.children else None
    del levels[without]
    for above, below in pairwise(levels):
        above.children = [below]
    return [levels[0]]


def test_d10_5000_levels_are_no_recursion() -> None:
    """Nor is one of them that is gone, deep down, more than one row."""
    base = chain(5_000)
    diff = compare_runs(*pair(base, copy_chain(base, without=3_000)))
    assert diff.counts == Counts(unchanged=4_999, unwrapped=1)
    assert (diff.cost, diff.approx) == (1, False)
    assert invert(diff).counts == Counts(unchanged=4_999, wrapped=1)


def test_d10_many_changes_among_many_alike_are_found_exactly() -> None:
    """3,000 calls of one name: a tenth differs, is gone or new, and nothing is approximate."""
    chance = random.Random(3)
    base = [tool("fetch", {"page": "any"}, f"text {n}") for n in range(3_000)]
    head, edits = [], 0.0
    for number, step in enumerate(copy_steps(base)):
        kind = chance.choice("cra") if chance.random() < 0.1 else "-"
        edits += {"c": 0.5, "-": 0}.get(kind, 1)
        if kind == "a":
            head.append(tool("extra", {"n": number}, "new"))
        if kind == "c":
            step.output = f"other {number}"
        if kind != "r":
            head.append(step)
    diff = compare_runs(*pair(base, head))
    assert not diff.approx
    assert diff.cost <= edits


def test_d10_a_spent_budget_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The result stands, and says that a smaller one may exist."""
    monkeypatch.setattr(budget, "MAX_TABLE_CELLS", 10)
    monkeypatch.setattr(budget, "MAX_TREE_CELLS", 10)
    monkeypatch.setattr(budget, "MAX_RUN_CELLS", 10)
    chance = random.Random(5)

    def draw() -> list[Step]:
        return [
            Step(chance.choice("abc"), chance.randrange(4), children=[
                Step(chance.choice("abc"), chance.randrange(4)) for _ in range(4)])
            for _ in range(40)
        ]  # fmt: skip

    diff = compare_runs(*pair(draw(), draw()))
    assert diff.approx
    assert [warning.code for warning in diff.warnings] == ["approximate"]
    assert len([row for row in diff.rows if row.base]) == 200


def with_output(run: RecordedRun, text: bytes) -> RecordedRun:
    run.spans[0].output = RecordedPayload(
        text=msgspec.Raw(text), codec="json", fidelity=Fidelity.EXACT
    )
    return run


def test_d10_50_mb_are_compared_without_being_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Byte for byte: no rule looks at a value beyond 1 MiB, whose copy would be a large one."""
    written: list[int] = []
    write = Normaliser.write

    def note(self: Normaliser, part: str, text: str) -> str:
        written.append(len(text))
        return write(self, part, text)

    monkeypatch.setattr(Normaliser, "write", note)
    text = b'"' + b"x" * 50_000_000 + b'"'
    runs = [
        with_output(make_run_of([tool("read", {}, 1)], run_id=run_id), each)
        for run_id, each in (("1" * 32, text), ("2" * 32, bytes(text)), ("3" * 32, text + b" "))
    ]
    assert compare_runs(runs[0], runs[1]).identical
    assert compare_runs(runs[0], runs[2]).counts == Counts(changed=1)
    assert max(written) <= MAX_NORMALISED_BYTES


@pytest.mark.parametrize("text", [b"[" * 150_000, b'{"a":' * 150_000, b"\xff\xfe", b"nul"])
def test_what_is_no_json_is_compared_as_it_stands(text: bytes) -> None:
    """A run that nobody could have recorded is still compared."""
    one = with_output(make_run_of([tool("read", {}, 1)]), text)
    other = with_output(make_run_of([tool("read", {}, 1)], run_id=OTHER_ID), text + b" ")
    assert compare_runs(one, one).identical
    assert compare_runs(one, other).counts == Counts(changed=1)


def test_deep_json_within_the_limits_is_compared() -> None:
    """As deep as the wire format allows, and some levels more."""
    for depth in (100, 190, 400):
        text = b"[" * depth + b"1.0" + b"]" * depth
        one = with_output(make_run_of([tool("read", {}, 1)]), text)
        other = with_output(make_run_of([tool("read", {}, 1)], run_id=OTHER_ID), text)
        assert compare_runs(one, other).identical
    assert sys.getrecursionlimit() >= 1_000


def test_a_comparison_can_be_stopped() -> None:
    """What `tick` raises ends it: a server stops at its deadline."""
    runs = pair([Step("a", n) for n in range(2_000)], [Step("b", n) for n in range(2_000)])

    def stop() -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        compare_runs(*runs, tick=stop)


def test_rules_errors_end_with_the_code_of_usage() -> None:
    """As commands do that were given what cannot be meant."""
    assert RulesError.exit_code == 2
