"""How much is looked at for nodes that stayed while what was in them moved away."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from run_trees import Step, pair, tool

from agenttrace.diff import compare_runs
from agenttrace.diff.align import anchors
from agenttrace.diff.align.anchors import MAX_NEAR, find_anchors
from agenttrace.diff.align.budget import Budget
from agenttrace.diff.align.costs import price_match
from agenttrace.diff.align.mapping import Mapping
from agenttrace.diff.align.moves import OTHER_PARENT
from agenttrace.diff.hashes import ContentHasher
from agenttrace.diff.nodes import ROOT, Tree
from agenttrace.diff.normalise import Normaliser

if TYPE_CHECKING:
    from collections.abc import Callable

SPANS = 2_000


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Return the pairs that are judged from now on."""
    pairs: list[tuple[int, int]] = []

    def note(base: Tree, left: int, head: Tree, right: int) -> int:
        pairs.append((left, right))
        return price_match(base, left, head, right)

    monkeypatch.setattr(anchors, "price_match", note)
    return pairs


def make_mapping(base: list[Step], head: list[Step]) -> Mapping:
    """Return two runs of which the spans named `item` are pairs by what they say."""
    trees = [Tree(run) for run in pair(base, head)]
    hasher = ContentHasher(Normaliser())
    for tree in trees:
        tree.hash_content(hasher, lambda: None)
    mapping = Mapping(*trees)
    mapping.join(ROOT, ROOT)
    places = {trees[1].label[y]: y for y in range(1, len(trees[1]))}
    for x in range(1, len(trees[0])):
        if trees[0].key[x][1] == "item":
            mapping.join(x, places[trees[0].label[x]])
    return mapping


def apply_anchors(mapping: Mapping, budget: Budget, tick: Callable[[], None]) -> int:
    count = 0
    for anchor in find_anchors(mapping, budget, tick):
        mapping.join(anchor.left, anchor.right)
        mapping.moved.update(dict.fromkeys(anchor.moved, OTHER_PARENT))
        count += 1
    return count


def group(number: int, items: list[int]) -> Step:
    return Step("group", number, children=[Step("item", item) for item in items])


def test_d10_leaves_of_one_name_are_not_judged_against_one_another(
    judged: list[tuple[int, int]],
) -> None:
    """A flat run of calls with random inputs and results, against another such run."""

    def make(seed: int) -> list[Step]:
        chance = random.Random(seed)
        return [
            tool(chance.choice("abcd"), {"i": chance.randrange(50)}, chance.randrange(1_000))
            for _ in range(SPANS)
        ]

    diff = compare_runs(*pair(make(1), make(2)))
    assert min(diff.counts.added, diff.counts.removed) > SPANS / 4  # leftovers there are
    assert judged == []


def test_d10_of_many_leftovers_of_one_name_each_is_judged_against_few(
    judged: list[tuple[int, int]],
) -> None:
    """2,000 groups without a partner, each around an item that is elsewhere in the other run."""
    base = [group(number, [number]) for number in range(SPANS)]
    head = [group(-number, [(number * 7 + 3) % SPANS]) for number in range(1, SPANS + 1)]
    budget = Budget()
    mapping = make_mapping(base, head)
    assert apply_anchors(mapping, budget, lambda: None) == SPANS
    assert len(judged) <= SPANS * (2 * MAX_NEAR + 1)
    assert len(mapping.moved) <= 1  # each group was found by the item that it is around
    assert budget.steps > 0


def test_d10_a_spent_budget_ends_the_search() -> None:
    """What was found until then stands."""
    base = [group(number, [number]) for number in range(100)]
    head = [group(-number, [number]) for number in range(100)]
    budget = Budget()
    budget.steps = 40
    found = apply_anchors(make_mapping(base, head), budget, lambda: None)
    assert 0 < found < 100
    assert budget.steps == 0


def test_a_layer_within_a_layer_stays_when_what_it_held_moves(
    judged: list[tuple[int, int]],
) -> None:
    """What is right below a new pair is looked at as well."""
    inner = Step("inner", 1, children=[Step("item", 1)])
    base = [Step("outer", 1, children=[inner, Step("item", 2)])]
    head = [
        Step("outer", 1, children=[Step("inner", 1), Step("item", 2)]),
        Step("item", 1),
    ]
    mapping = make_mapping(base, head)
    assert apply_anchors(mapping, Budget(), lambda: None) == 2
    assert mapping.add_up() == 1  # one move
    assert len(judged) == 2


def test_the_search_can_be_stopped() -> None:
    """By what `tick` raises: a server's deadline."""
    mapping = make_mapping([group(1, [1])], [group(2, [1])])

    def stop() -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        apply_anchors(mapping, Budget(), stop)
