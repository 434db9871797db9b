"""How near the cost of a comparison is to the exact tree edit distance, by kind of edit.

    python packages/sdk/benchmarks/accuracy.py [--pairs 40] [--spans 80] [--top-down]

Runs of spans much alike are edited one to five times, each pair in one way, and compared with what
they were. `zss` gives the exact distance by the same costs; it knows no moves, so that a comparison
that finds one may cost less. `excess` is by how much the cost is above the distance: the mean of
all pairs of a kind, and the greatest. `silent` counts those above it that are not told as `approx`.
"""

from __future__ import annotations

import argparse
import random
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import zss
from report import Report

from agenttrace.diff import compare_runs
from agenttrace.diff.align import aligner
from diff import make_run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agenttrace.trace import RecordedRun

MOST_EDITS: Final = 5
_OPEN: Final = 4  # a new span is below one of so many before it
_TOP_SHARE: Final = 0.15


@dataclass
class Step:
    """A span to be."""

    name: str
    asked: int
    said: str
    children: list[Step] = field(default_factory=list)


def draw_steps(chance: random.Random, count: int) -> Step:
    """Return the run itself, with so many steps below it."""
    run = Step("", 0, "")
    made: list[Step] = []
    for _ in range(count):
        step = Step(chance.choice("abc"), chance.randrange(6), str(chance.randrange(4)))
        is_top = not made or chance.random() < _TOP_SHARE
        (run if is_top else chance.choice(made[-_OPEN:])).children.append(step)
        made.append(step)
    return run


def copy_step(step: Step) -> Step:
    """Return an equal step that can be changed."""
    return Step(step.name, step.asked, step.said, [copy_step(each) for each in step.children])


def walk(step: Step, depth: int = 0) -> Iterator[tuple[Step, int]]:
    """Yield what is below a step, with its depth, in pre-order."""
    for child in step.children:
        yield child, depth
        yield from walk(child, depth + 1)


def _list_places(run: Step) -> list[tuple[Step, int]]:
    """Return each step as the one around it and its place there."""
    holders = [run, *(step for step, _ in walk(run))]
    return [(holder, place) for holder in holders for place in range(len(holder.children))]


def _change(run: Step, chance: random.Random) -> None:
    holder, place = chance.choice(_list_places(run))
    holder.children[place].said = f"other {chance.randrange(1_000)}"


def _rename(run: Step, chance: random.Random) -> None:
    holder, place = chance.choice(_list_places(run))
    holder.children[place].name = f"name {chance.randrange(1_000)}"


def _add(run: Step, chance: random.Random) -> None:
    holder, place = chance.choice(_list_places(run))
    holder.children.insert(place, Step(chance.choice("abc"), chance.randrange(6), "new"))


def _remove(run: Step, chance: random.Random) -> None:
    places = _list_places(run)
    holder, place = chance.choice(
        [(step, number) for step, number in places if not step.children[number].children]
    )
    del holder.children[place]


def _move(run: Step, chance: random.Random) -> None:
    holder, place = chance.choice(_list_places(run))
    step = holder.children.pop(place)
    target = chance.choice([run, *(each for each, _ in walk(run))])
    target.children.insert(chance.randint(0, len(target.children)), step)


def _reorder(run: Step, chance: random.Random) -> None:
    places = [each for each in _list_places(run) if len(each[0].children) > 1]
    holder, place = chance.choice(places)
    step = holder.children.pop(place)
    holder.children.insert(chance.randint(0, len(holder.children)), step)


def _wrap(run: Step, chance: random.Random) -> None:
    holder, place = chance.choice(_list_places(run))
    end = chance.randint(place + 1, len(holder.children))
    holder.children[place:end] = [Step("layer", 0, "", holder.children[place:end])]


def _unwrap(run: Step, chance: random.Random) -> None:
    places = [each for each in _list_places(run) if each[0].children[each[1]].children]
    holder, place = chance.choice(places)
    holder.children[place : place + 1] = holder.children[place].children


EDITS: Final[dict[str, Callable[[Step, random.Random], None]]] = {
    "change": _change,
    "rename": _rename,
    "add": _add,
    "remove": _remove,
    "move": _move,
    "reorder": _reorder,
    "wrap": _wrap,
    "unwrap": _unwrap,
}


def measure_exactly(base: Step, head: Step) -> float:
    """Return the tree edit distance by `zss`, at the costs of a comparison without moves."""

    def convert(step: Step) -> zss.Node:
        node = zss.Node((step.name, step.asked, step.said))
        for child in step.children:
            node.addkid(convert(child))
        return node

    def price(one: zss.Node, other: zss.Node) -> float:
        if one.label == other.label:
            return 0.0
        if one.label[0] == other.label[0]:
            return 0.5
        return 1.0 if one.label[1] == other.label[1] else 2.0

    tops = convert(base), convert(head)
    return float(zss.distance(*tops, zss.Node.get_children, lambda _: 1.0, lambda _: 1.0, price))


def record(number: int, run: Step) -> RecordedRun:
    """Return the run that such steps make."""
    steps = list(walk(run))
    nodes = [(step.name, step.said, depth) for step, depth in steps]
    return make_run(number, nodes, given=[step.asked for step, _ in steps])


def add_row(report: Report, kind: str, pairs: int, spans: int) -> int:
    """Compare so many pairs of one kind; return how many are above the distance in silence."""
    chance = random.Random(kind)  # noqa: S311 -- no secret: the same each time
    excess: list[float] = []
    approximate = silent = 0
    for _ in range(pairs):
        base = draw_steps(chance, chance.randint(spans - spans // 8, spans + spans // 8))
        head = copy_step(base)
        for _ in range(chance.randint(1, MOST_EDITS)):
            EDITS[kind](head, chance)
        found = compare_runs(record(1, base), record(2, head))
        excess.append(found.cost - measure_exactly(base, head))
        approximate += found.approx
        silent += excess[-1] > 0 and not found.approx
    above = [each for each in excess if each > 0]
    equal, less = excess.count(0), sum(each < 0 for each in excess)
    counts = [float(count) for count in (pairs, equal, less, len(above))]
    report.add(kind, *counts, sum(above) / pairs, max(excess), float(approximate), float(silent))
    return silent


def main() -> None:
    """Compare pairs of each kind; end with 1 when one is above the distance in silence."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=40, help="of each kind (40)")
    parser.add_argument("--spans", type=int, default=80, help="of a run, an eighth about it (80)")
    parser.add_argument(
        "--top-down",
        action="store_true",
        help="align none of over 64 spans exactly as a whole: as runs too large for it are",
    )
    asked = parser.parse_args()
    if asked.top_down:
        vars(aligner).update(MAX_EXACT_PRODUCT=0)
    columns = (
        "edits",
        "pairs",
        "equal",
        "less",
        "more",
        "mean excess",
        "worst",
        "approx",
        "silent",
    )
    report = Report(f"Cost against zss, of runs of about {asked.spans} spans", columns)
    silent = sum(add_row(report, kind, asked.pairs, asked.spans) for kind in EDITS)
    report.write(as_json=False)
    sys.exit(silent > 0)


if __name__ == "__main__":
    main()
